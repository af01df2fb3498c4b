"""`jaxcnn flow`: every experiment on signal and gradient, each a picture, the table behind it, and one sentence."""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated

import tyro

from jaxcnn.errors import UserError

EXPERIMENTS = {
    "calibration": "predicted, measured and z over more than 40 settings",
    "sensitivity": "planted faults, each found by name",
    "depth_sweep": "the gradient through up to 1,000 layers, by activation and initialisation",
    "phase_diagram": "tanh: measured growth on the predicted map",
    "fluctuations": "one network is not the mean: log-normal gradients",
    "flat_gradients": "why flat weight gradients can hide a vanishing signal",
    "decorrelation": "two inputs' gradients become unlike",
    "jacobian": "singular values against depth, orthogonal and Gaussian",
    "normalised": "batch norm explodes, residual connections tame it",
    "padding": "zero padding makes He's initialisation vanish; modes on a ring",
    "explosion": "seed 2's network with N(0, 1) weights",
    "dying": "ReLU born dead and dying in training, beside leaky ReLU",
    "training_curves": "sigmoid, tanh and ReLU at equal depth",
    "clipping": "an exploding gradient, bounded",
    "thousand_layers": "tanh with 1,000 layers trains with orthogonal weights, not with Gaussian ones",
}
LISTED = "; ".join(f"{name} ({words})" for name, words in EXPERIMENTS.items())


@dataclass(frozen=True)
class Config:
    """Vanishing, exploding and dying gradients: theory beside measurement."""

    only: Annotated[
        tuple[str, ...], tyro.conf.arg(help=f"Run these experiments only: {LISTED} (none named: all).")
    ] = ()

    quick: bool = False
    """Fewer networks and steps: all experiments in under three minutes on two cores."""

    out: Path = Path("runs/flow")
    """Folder for pictures and tables; files of the same names are replaced."""

    def __post_init__(self) -> None:
        """Refuse an experiment that is not there.

        Raises:
            UserError: an unknown name.
        """
        unknown = [name for name in self.only if name not in EXPERIMENTS]
        if unknown:
            raise UserError(f"--only {unknown[0]}: no such experiment; choose from {', '.join(EXPERIMENTS)}")


def flow(config: Annotated[Config, tyro.conf.arg(name="")]) -> int:
    """Run experiments on signal and gradient, and put theory beside measurement."""
    config.out.mkdir(parents=True, exist_ok=True)
    for name in config.only or EXPERIMENTS:
        began = time.perf_counter()
        outcome = import_module(f"analysis.gradient_flow.experiments.{name}").run(config.quick)
        outcome.write(config.out, name)
        print(f"{name:<16} {time.perf_counter() - began:5.1f} s  {outcome.says}", flush=True)
    print(f"pictures and tables: {config.out}")
    return 0
