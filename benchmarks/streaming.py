"""A set larger than memory: how fast it trains, read from its files, against a set that lies in memory.

    python -m benchmarks.streaming

Random images in a folder of IDX files. After the first pass, which compiles, the streaming process may use only so many
bytes of address space more as are half of the set (RLIMIT_AS): it cannot hold the set however it tries. From memory a
fifth of as many images is trained on, without a limit. The rates are those of the second pass; processes take turns.
"""

from __future__ import annotations

import json
import resource
import statistics
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

COUNT, SIDE, CLASSES = 500_000, 28, 10  # 392 MB
SHARE = 5
TURNS = 3


def write_set(folder: Path, count: int) -> None:
    """Four IDX files of noise."""
    folder.mkdir()
    random = np.random.default_rng(0)
    for part, examples in (("train", count), ("t10k", 1_000)):
        for kind, shape, top in (("images-idx3", (examples, SIDE, SIDE), 256), ("labels-idx1", (examples,), CLASSES)):
            with (folder / f"{part}-{kind}-ubyte").open("wb") as file:
                file.write(bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape))
                file.write(random.integers(0, top, shape, np.uint8).tobytes())


def rates(folder: str, streamed: bool) -> list[float]:
    """Examples per second of two passes, the second of them with little memory where the set is streamed."""
    import jax

    from jaxcnn.training.config import Config
    from jaxcnn.training.devices import mesh_for
    from jaxcnn.training.experiment import placed, prepare
    from jaxcnn.training.loop import train
    from jaxcnn.training.metrics import Epoch
    from jaxcnn.training.step import State

    config = Config(data=folder, epochs=2, batch_size=64, stream=streamed, learning_rate=1e-3)
    experiment, found = prepare(config), []

    def on_epoch(epoch: Epoch, state: State) -> None:
        found.append(epoch.examples_per_second)
        if streamed and epoch.epoch == 1:
            used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + COUNT * SIDE * SIDE // 2,) * 2)

    with jax.set_mesh(mesh_for(64, 1, 1, 1)):
        train(config, experiment.learner, placed(experiment, experiment.state), experiment.data, on_epoch)
    return found


def in_a_process(folder: Path, streamed: bool) -> float:
    """The rate of the second pass of a process of its own."""
    command = [sys.executable, "-m", "benchmarks.streaming", str(folder), str(int(streamed))]
    return float(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)[-1])


def main() -> None:
    with tempfile.TemporaryDirectory() as parent:
        large, small = Path(parent) / "large", Path(parent) / "small"
        write_set(large, COUNT)
        write_set(small, COUNT // SHARE)
        turns = [(in_a_process(small, False), in_a_process(large, True)) for _ in range(TURNS)]
    memory, streamed = (statistics.median(side) for side in zip(*turns, strict=True))
    print(f"from memory {memory:,.0f} examples/s, streamed {streamed:,.0f} examples/s: {streamed / memory:.2f}")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(json.dumps(rates(sys.argv[1], bool(int(sys.argv[2])))))
    else:
        main()
