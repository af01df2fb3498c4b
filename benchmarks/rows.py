"""What is measured: one line per row of the table, each a network, the images it sees and the work it does.

    layer         y = f(x, params) and, for a random cotangent dy, the gradients of x and of the parameters
    step          loss, gradients and one step of gradient descent: new parameters
    per example   the gradient of each example's own loss

Shapes are those of the work for which slow lowerings of JAX's own gradients are known; `jax#...` names the report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any

from benchmarks import models
from jaxcnn import networks
from jaxcnn.errors import UserError
from jaxcnn.networks import Network
from jaxcnn.networks.network import Shape


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Fields:
        group: what its geometric mean is taken over.
        batch, image: x is [batch, *image].
        work: "layer", "step" or "per example".
        scan: who runs inside `lax.scan` too: "both", "hand" (where the naive loop of JAX's own gradient would take
            minutes) or "none".
    """

    name: str
    group: str
    network: Network
    batch: int
    image: Shape
    work: str = "layer"
    scan: str = "both"


def conv(
    name: str,
    batch: int,
    image: Shape,
    features: int,
    window: int,
    *,
    group: str = "dense conv",
    padding: str | int = "SAME",
    scan: str = "both",
    **settings: Any,
) -> Row:
    layer = networks.conv(features, window, padding=padding, bias=None, **settings)
    return Row(f"conv {name}", group, layer, batch, image, scan=scan)


def transposed(name: str, batch: int, image: Shape, features: int, window: int, **settings: Any) -> Row:
    layer = networks.conv_transpose(features, window, bias=None, **settings)
    return Row(name, "transposed conv", layer, batch, image)


def pool(kind: str, window: int, stride: int) -> Row:
    layer = {"max": networks.max_pool, "average": networks.avg_pool}[kind](window, stride=stride)
    return Row(f"{kind} pool {window}/{stride}", f"{kind} pool", layer, 64, (32, 32, 64))


def step(name: str, network: Network, batch: int, image: Shape, scan: str = "both") -> Row:
    return Row(f"step {name}", "training step", network, batch, image, "step", scan)


CONVOLUTIONS = (
    conv("3x3 3->32, 32x32", 64, (32, 32, 3), 32, 3),
    conv("3x3 16->16, 32x32", 64, (32, 32, 16), 16, 3),
    conv("3x3 32->32, 32x32", 64, (32, 32, 32), 32, 3),
    conv("3x3 64->64, 16x16", 64, (16, 16, 64), 64, 3),
    conv("3x3 128->128, 8x8", 64, (8, 8, 128), 128, 3),
    conv("3x3 stride 2 32->64, 32x32", 64, (32, 32, 32), 64, 3, stride=2),
    conv("3x3 dilated 2 32->32, 32x32", 32, (32, 32, 32), 32, 3, dilation=2),
    conv("1x1 128->32, 16x16", 64, (16, 16, 128), 32, 1),
    conv("5x5 1->4, 28x28", 64, (28, 28, 1), 4, 5, padding="VALID"),
    conv("5x5 4->8, 12x12", 64, (12, 12, 4), 8, 5, padding="VALID"),
    conv("AlexNet 1: 11x11 stride 4, 224x224", 16, (224, 224, 3), 64, 11, stride=4, padding=2, scan="hand"),
    conv("AlexNet 2: 5x5 64->192, 27x27", 16, (27, 27, 64), 192, 5, padding=2, scan="hand"),
    conv("1-D 5 32->32, 1024", 32, (1024, 32), 32, 5),
    conv("3-D 3x3x3 16->16, 16x16x16", 8, (16, 16, 16, 16), 16, 3),
    conv("3x3 groups 4 64->64, 32x32", 32, (32, 32, 64), 64, 3, group="grouped conv", groups=4),
    conv("3x3 depthwise 64, 32x32", 32, (32, 32, 64), 64, 3, group="depthwise conv", groups=64),
    transposed("transposed conv 3x3 stride 2 64->32, 16x16", 32, (16, 16, 64), 32, 3, stride=2, padding=((1, 0),) * 2),
)

POOLS = tuple(pool(kind, *sizes) for kind in ("max", "average") for sizes in ((2, 2), (3, 2), (3, 1)))

NORMALISATION = (Row("batch norm 64, 32x32", "batch norm", networks.batch_norm(), 64, (32, 32, 64)),)

STEPS = (
    step("seed 2's network", networks.seed2(), 64, (28, 28, 1)),
    step("small VGG", models.vgg(), 64, (32, 32, 3)),
    step("residual network, 14 layers", models.resnet(), 64, (32, 32, 3)),
    step("AlexNet", models.alexnet(), 16, (224, 224, 3), scan="hand"),
    Row("per-example gradients, seed 2's network", "per example", networks.seed2(), 256, (28, 28, 1), "per example"),
)

# The reports' own programs, smaller where two cores would take minutes.
REPORTS = (
    Row("jax#13800 depthwise 1-D, 4 layers", "reports", models.depthwise_stack(128, 4), 8, (512, 128)),
    Row("jax#31662 transposed 3-D, 64->1", "reports", models.upsampling_3d(), 1, (32, 32, 16, 64)),
    Row("jax#23783 transposed 1-D, stride 64", "reports", models.synthesis_1d(), 16, (256, 64)),
    Row("jax#12868 conv 1-D in a loop, 1000->1000", "reports", models.wide_1d(), 1, (1024, 1000), scan="hand"),
)

ROWS = (*CONVOLUTIONS, *POOLS, *NORMALISATION, *STEPS, *REPORTS)


def matching(pattern: str, rows: Sequence[Row] = ROWS) -> list[Row]:
    """The rows whose name or group fits a shell pattern, or contains it.

    Raises:
        ValueError: none does.

    >>> [row.name for row in matching("max pool 3*")]
    ['max pool 3/2', 'max pool 3/1']
    """
    wanted = f"*{pattern}*".lower()
    found = [row for row in rows if fnmatch(row.name.lower(), wanted) or fnmatch(row.group.lower(), wanted)]
    if not found:
        raise UserError(f"rows: no row or group fits {pattern!r}; --list shows all")
    return found
