"""A whole run: data, network, training, and what is left of it on disk and on the terminal."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import jax
import numpy as np

from jaxcnn.errors import UserError
from jaxcnn.networks import NAMED, Network, initialisers
from jaxcnn.networks import summary as summarise
from jaxcnn.networks.network import flat
from jaxcnn.training import checkpoint, devices, events, processes, progress, sharded
from jaxcnn.training.batches import Batch, batch_at
from jaxcnn.training.config import Config
from jaxcnn.training.data import DataSet, load
from jaxcnn.training.epoch import predictions
from jaxcnn.training.gallery import draw_all
from jaxcnn.training.gradients import Leaf, Look, compare, look
from jaxcnn.training.loop import Keys, Result, leaf_names, make_keys, make_learner, train
from jaxcnn.training.metrics import Epoch
from jaxcnn.training.run import Run, create, reopen, settings_of
from jaxcnn.training.step import Learner, State, initial_state

Reached = tuple[State, list[Epoch]]  # a state, and the epochs that led to it


class Experiment(NamedTuple):
    """Everything that a run begins with."""

    config: Config
    data: DataSet
    learner: Learner
    keys: Keys
    state: State

    def batch(self, epoch: int, number: int) -> tuple[Batch, jax.Array]:
        """The batch of a step of an epoch, and its key; -1 is the epoch's last."""
        return batch_at(self.data.train, self.learner.batch_size, self.keys.epoch(epoch), number)


class Findings(NamedTuple):
    """What a run found out, beside its metrics."""

    start: Look
    compared: dict[str, list[Leaf]]  # "first", "last": the batch on which gradients were compared
    stopped: str | None
    seconds: float  # from start to end, reading, compiling and drawing included

    @property
    def is_good(self) -> bool:
        return self.stopped is None and all(leaf.agrees for leaves in self.compared.values() for leaf in leaves)


class Observer(Protocol):
    """Who watches a run from inside its steps: through the optimiser, which every step calls with the parameters."""

    def attach(self, experiment: Experiment) -> Experiment:
        """The experiment with the optimiser that it is to train with."""

    def conclude(self, experiment: Experiment, folder: Path, state: State) -> None:
        """Write what was seen up to the last good state, whether or not the run was stopped."""


Watch = Callable[[Config], Observer | None]


def conduct(config: Config, watch: Watch = lambda config: None) -> int:
    """Train as `config` says and return the exit code: 1 where the run stopped early or the gradients disagree.

    Args:
        config: a new run's settings, or `resume` and where to go on.
        watch: who observes a run of such settings (None: nobody).

    Raises:
        UserError: data, network or run directory are not to be had as asked.
    """
    began = time.perf_counter()
    processes.join(config)
    set_off = begin if config.resume is None else go_on
    config = config if config.resume is None else settings_of(config.resume, config)
    observer = watch(config)
    experiment = prepare(config) if observer is None else observer.attach(prepare(config))
    learner = experiment.learner
    mesh = devices.mesh_for(learner.batch_size, learner.parts, config.devices, config.model_devices)
    is_first = processes.is_first()
    with jax.set_mesh(mesh):
        run, reached = set_off(experiment)
    with run:
        with jax.set_mesh(mesh):
            beginning = placed(experiment, experiment.state)
            start = look(experiment.learner, beginning, *experiment.batch(1, 0))
            if is_first:
                announce(experiment, start, run.path)
            compared = {"first": compare_on(experiment, beginning, 1, 0)} if config.gradients == "both" else {}
            result = follow(experiment, run, *reached)
            if result.stopped is None:
                compared["last"] = compare_on(experiment, result.state, config.epochs, -1)
                logits = predictions(experiment.learner, result.state, experiment.data.test.images)
            result = result._replace(state=devices.local(result.state))
        if is_first and observer is not None:
            observer.conclude(experiment, run.path, result.state)
        if is_first and result.stopped is None:
            draw(experiment, run, result, logits)
        findings = Findings(start, compared, result.stopped, time.perf_counter() - began)
        if is_first:
            run.write_json("summary.json", summary(experiment, result, findings))
            present(experiment, run, result, findings)
    return 0 if findings.is_good else 1


def begin(experiment: Experiment) -> tuple[Run, Reached]:
    """A new run."""
    config = experiment.config

    def create_and_begin() -> Run:
        run = create(config.run_dir, f"{config.network}-{Path(config.data).resolve().name}")
        run.begin(config, experiment.data)
        return run

    run = processes.by_first(create_and_begin) or Run(config.run_dir or Path("runs"), lock=None)
    return run, (experiment.state, [])


def go_on(experiment: Experiment) -> tuple[Run, Reached]:
    """A run from its newest sound checkpoint on, which every process reads, with the data that it began with."""
    path, is_first = Path(str(experiment.config.run_dir)), processes.is_first()

    def refused(why: str) -> None:
        if is_first:
            print(f"not used: {why}", file=sys.stderr)

    with ExitStack() as stack:  # the run is given up if it cannot be gone on with
        run = stack.enter_context(processes.by_first(lambda: reopen(path)) or Run(path, lock=None))
        run.expect(experiment.data)
        latest = sharded.latest if experiment.config.sharded_checkpoints else checkpoint.latest
        state, epochs = run.reached(placed(experiment, experiment.state), refused, latest)
        processes.same_everywhere(len(epochs), f"checkpoints in {path}")
        if is_first:
            run.rewind(epochs)
            print(f"{path}: goes on after epoch {len(epochs)} of {experiment.config.epochs}", file=sys.stderr)
        stack.pop_all()
    return run, (state, epochs)


def placed(experiment: Experiment, state: State) -> State:
    """The state on the mesh."""
    learner, image_shape = experiment.learner, experiment.data.train.images.shape[1:]
    shapes = {name: leaf.shape for name, leaf in flat(state.params).items()}
    in_order = {name: shapes[name] for name in leaf_names(learner.network, image_shape)}
    return devices.put(state, devices.specs(state, in_order))


def prepare(config: Config) -> Experiment:
    """Load the data, build the network, draw its parameters.

    Raises:
        UserError: there are no such data, the network does not take such images, or a package is missing.
    """
    if config.tensorboard:
        events.package()
    if config.sharded_checkpoints:
        sharded.package()
    data = load(config.data, config.per_class, mapped=config.stream)
    shape, classes = data.train.images.shape[1:], len(data.classes)
    learner, keys = make_learner(config, build(config), len(data.train.labels)), make_keys(config.seed)
    try:
        state = initial_state(learner, keys.initial, shape)
        outputs = learner.network.output_shape(shape)
    except (TypeError, ValueError) as error:
        raise UserError(f"--network {config.network}: does not take images of shape {shape}: {error}") from error
    if outputs != (classes,):
        raise UserError(
            f"--network {config.network}: has outputs of shape {outputs}; {classes} classes need ({classes},)"
        )
    return Experiment(config, data, learner, keys, state)


def build(config: Config) -> Network:
    """The network by name, with the initialiser that was asked for."""
    if config.network not in NAMED:
        raise UserError(f"--network {config.network}: unknown; the networks are {', '.join(NAMED)}")
    scheme = {} if config.initialiser is None else {"kernel_init": getattr(initialisers, config.initialiser)}
    return NAMED[config.network].build(**scheme)


def compare_on(experiment: Experiment, state: State, epoch: int, number: int) -> list[Leaf]:
    return compare(experiment.learner.network, state, *experiment.batch(epoch, number))


def follow(experiment: Experiment, run: Run, state: State, behind: list[Epoch]) -> Result:
    """Train with every epoch shown and recorded, and leave the last good state on disk.

    Raises:
        UserError: the run directory can no longer be written to, or images no longer be read from their files.
        KeyboardInterrupt: Ctrl-C or SIGTERM; the message says what is on disk and how to go on.
    """
    config, done, is_first = experiment.config, len(behind), processes.is_first()

    def on_epoch(epoch: Epoch, state: State) -> None:
        nonlocal done
        is_sharded = config.sharded_checkpoints
        whole = devices.local(state._replace(optimiser=(), scaling=()) if is_sharded else state)
        if is_first:
            run.record(epoch, whole, has_checkpoint=not is_sharded)
        if is_sharded:
            sharded.write(run.checkpoints, epoch.epoch, state)
        if is_first:
            note(epoch)
            show(epoch)
        done = epoch.epoch

    def whats_left() -> str:
        return f"{run.path} has everything up to the end of epoch {done}; go on with jaxcnn train --resume {run.path}"

    try:
        with (
            events.recording(run.path, behind) if config.tensorboard and is_first else nullcontext(ignore) as note,
            progress.following(config.epochs, behind, config.dashboard) if is_first else nullcontext(ignore) as show,
            heeding_termination(),
        ):
            result = train(config, experiment.learner, placed(experiment, state), experiment.data, on_epoch, behind)
        whole = devices.local(result.state)
        if is_first:
            run.save(whole)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted; {whats_left()}") from None
    except UserError as error:
        raise UserError(f"{error}; {whats_left()}") from error
    except OSError as error:
        raise UserError(f"cannot write to {error.filename or run.path} ({error.strerror}); {whats_left()}") from error
    except jax.errors.JaxRuntimeError as error:
        if jax.process_count() == 1:
            raise
        raise UserError(f"another process is gone ({str(error).splitlines()[0]}); {whats_left()}") from None
    return result


def ignore(epoch: Epoch) -> None:
    """What is done with an epoch where nothing is asked for."""


@contextmanager
def heeding_termination() -> Iterator[None]:
    """SIGTERM, with which batch systems announce the end, is heeded as Ctrl-C is."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def draw(experiment: Experiment, run: Run, result: Result, logits: np.ndarray) -> None:
    """The pictures.

    Raises:
        UserError: they cannot be written; all that was learnt is.
    """
    folder = run.path / "pictures"
    try:
        draw_all(folder, experiment.learner.network, result.state, experiment.data, result.epochs, logits)
    except OSError as error:
        raise UserError(
            f"cannot write to {error.filename or folder} ({error.strerror}); all epochs are done and safe, "
            f"for the pictures go on with jaxcnn train --resume {run.path}"
        ) from error


def announce(experiment: Experiment, start: Look, path: Path) -> None:
    """What is about to be trained, on stderr."""
    config, data, device = experiment.config, experiment.data, devices.in_words()
    print(
        f"{config.network}, {count_parameters(experiment):,} parameters, {config.gradients} gradients, {device}; "
        f"{config.data}: {len(data.train.labels):,} training and {len(data.test.labels):,} held-out images\n"
        f"before the first step: loss {start.loss:.4g} nats, logits {start.logits_rms:.4g} root mean square, "
        f"gradient norm {start.gradient_norm:.4g}",
        file=sys.stderr,
    )
    if jax.process_count() > 1:
        limit, again = 2 * processes.PATIENCE, f"start all again with --resume {path}"
        print(f"should a process be lost, JAX ends the others within {limit} s; then {again}", file=sys.stderr)


def count_parameters(experiment: Experiment) -> int:
    """From the shapes alone: the arrays may have been given up."""
    shape = experiment.data.train.images.shape[1:]
    return sum(row.parameters for row in summarise(experiment.learner.network, shape))


def summary(experiment: Experiment, result: Result, findings: Findings) -> dict[str, Any]:
    """What `summary.json` holds."""
    last = result.epochs[-1] if result.epochs else None
    return {
        "epochs": len(result.epochs),
        "test_accuracy": last and last.test_accuracy,
        "test_loss": last and last.test_loss,
        "parameters": count_parameters(experiment),
        "seconds": findings.seconds,
        "before_first_step": findings.start._asdict(),
        "gradient_differences": {
            batch: {leaf.name: leaf.difference for leaf in leaves} for batch, leaves in findings.compared.items()
        },
        "stopped": findings.stopped,
    }


def present(experiment: Experiment, run: Run, result: Result, findings: Findings) -> None:
    """The table at the end; or, of a run that stopped early, a sentence on stderr."""
    if findings.stopped is not None:
        print(f"jaxcnn train: {findings.stopped}; the last good parameters are in {run.path}", file=sys.stderr)
        return
    count = len(experiment.data.test.labels)
    accuracy, steps = result.epochs[-1].test_accuracy, sum(epoch.seconds for epoch in result.epochs)
    rows = {
        "held-out accuracy": f"{accuracy:.4f} ({round(accuracy * count):,} of {count:,})",
        "time": f"{findings.seconds:.1f} s, {steps:.1f} s of it in training steps",
        "results": str(run.path),
    }
    progress.results(rows, findings.compared)
