"""`jaxcnn regions`: what it can be asked for; the work itself is in `study`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from jaxcnn.errors import UserError

Colour = Literal["birth", "class", "gradient", "kink"]


@dataclass(frozen=True)
class Config:
    """Draw the exact linear regions and the decision boundary of a ReLU network, and count them."""

    problem: Literal["moons", "circles", "spiral", "checkerboard", "image", "shell"] = "moons"
    """A toy problem with two inputs (shell: three), which a small network is trained on first."""

    run: Path | None = None
    """A folder that `jaxcnn train` wrote, instead of a toy problem: its network, on a plane through three examples."""

    before: bool = False
    """For a run: also the same network before its first step, side by side."""

    network: str | None = None
    """A fresh network of jaxcnn.networks by name, on a plane through three digits, instead of either."""

    examples: tuple[int, int, int] = (0, 1, 2)
    """Which three held-out examples the plane goes through (numbers within the held-out part)."""

    units: tuple[int, ...] = (16, 16)
    """Widths of the hidden layers for a toy problem."""

    steps: int = 2000
    """Training steps for a toy problem (Adam, all examples at once)."""

    frames: int = 0
    """Partitions drawn during training, as an animation, for a toy problem (0: before and after only)."""

    gallery: bool = False
    """For a toy problem in the plane: boundaries of networks with 4, 8, 16 and 64 units per layer, side by side."""

    colours: tuple[Colour, ...] = ("birth", "class", "gradient", "kink")
    """What the pictures show: layer of birth, largest output, norm of the gradient, kink strength of edges."""

    margin: float = 0.15
    """How far the picture goes beyond the triangle of the three examples, as a share of its size."""

    budget: float = 2.0
    """Memory to stay within (GB); a partition expected to need more is counted in tiles and not drawn."""

    seed: int = 0
    """Seed of the data, the first parameters and the random chords of the estimate."""

    out: Path = Path("regions")
    """Folder for pictures (PNG and SVG), arrays (npz) and numbers (JSON); files of an earlier call are replaced."""

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn.

        Raises:
            UserError: two subjects at once, counts that are not positive, the same example twice, no colour.
        """
        if self.run is not None and self.network is not None:
            raise UserError("--run and --network: give one of them; a run already says which network it trained")
        for flag, value in (
            ("units", min(self.units, default=0)),
            ("steps", self.steps),
            ("colours", len(self.colours)),
        ):
            if value < 1:
                raise UserError(f"--{flag}: must be at least 1 everywhere, got {getattr(self, flag)}")
        if len(set(self.examples)) < 3 or min(self.examples) < 0:
            raise UserError(
                f"--examples {' '.join(map(str, self.examples))}: must be three different numbers from 0 on"
            )
        for flag in ("frames", "margin"):
            if not getattr(self, flag) >= 0:
                raise UserError(f"--{flag} {getattr(self, flag)}: must not be negative")
        if not self.budget > 0:
            raise UserError(f"--budget {self.budget}: must be positive")


def regions(config: Annotated[Config, tyro.conf.arg(name="")]) -> int:
    """Exact linear regions, decision boundaries and their numbers, with a certificate that the count is right."""
    from analysis.linear_regions.study import conduct

    return conduct(config)
