"""`--tensorboard`: the metrics once more, in a run's folder, as TensorBoard reads them.

The file is written record by record, and is on the disk when an epoch is said to be. (tensorboardX's `SummaryWriter`
hands its records to a thread, which a full disk ends without a word: the training then waits for it for ever.)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from jaxcnn.errors import UserError
from jaxcnn.training.metrics import Epoch

NAME = "events.out.tfevents.jaxcnn"  # one file, so that there is no order of files for a clock to upset
TAGS = {
    "train_loss": "loss/training",
    "test_loss": "loss/held_out",
    "train_accuracy": "accuracy/training",
    "test_accuracy": "accuracy/held_out",
    "examples_per_second": "speed/examples_per_second",
}


class Package(NamedTuple):
    """What is needed of tensorboardX."""

    Writer: Any
    Event: Any
    Summary: Any


def package() -> Package:
    """Raises UserError where it is not installed."""
    try:
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.proto.summary_pb2 import Summary
        from tensorboardX.record_writer import RecordWriter
    except ImportError as error:
        raise UserError(f"--tensorboard: needs tensorboardX ({error}); install jaxcnn[watch]") from error
    return Package(RecordWriter, Event, Summary)


@contextmanager
def recording(folder: Path, behind: Sequence[Epoch]) -> Iterator[Callable[[Epoch], None]]:
    """A function that writes down each epoch as it ends, after those that are `behind`: an earlier file is replaced."""
    found = package()
    with closing(found.Writer(str(folder / NAME))) as writer:

        def record(epoch: Epoch) -> None:
            values = [found.Summary.Value(tag=tag, simple_value=getattr(epoch, name)) for name, tag in TAGS.items()]
            summary = found.Summary(value=values)
            writer.write(found.Event(wall_time=time.time(), step=epoch.epoch, summary=summary).SerializeToString())
            writer.flush()

        writer.write(found.Event(wall_time=time.time(), file_version="brain.Event:2").SerializeToString())
        for epoch in behind:
            record(epoch)
        yield record
