"""All entries, by id, and how to pick some of them."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.worked_examples import (
    seed0_activations,
    seed0_backprop,
    seed0_deltas,
    seed1_alexnet,
    seed1_convolution,
    seed1_pooling,
    seed2_boundary,
    seed2_convolution,
    seed2_layers,
    seed2_training,
    seed3_autodiff,
    seed3_gradients,
    seed3_translation,
    seed4_blocks,
    seed4_matrix,
    seed4_tanh,
)
from analysis.worked_examples.entry import Entry, entries_of

MODULES = (
    *(seed0_backprop, seed0_deltas, seed0_activations),
    *(seed1_convolution, seed1_pooling, seed1_alexnet),
    *(seed2_convolution, seed2_layers, seed2_training, seed2_boundary),
    *(seed3_gradients, seed3_translation, seed3_autodiff),
    *(seed4_tanh, seed4_blocks, seed4_matrix),
)

ENTRIES: dict[str, Entry] = {row.id: row for module in MODULES for row in entries_of(module)}

TITLES = {
    0: "Seed 0: backpropagation in convolutional networks; ReLU and leaky ReLU",
    1: "Seed 1: one-dimensional convolution, pooling, AlexNet",
    2: "Seed 2: a network for digits, layer by layer; decision boundaries",
    3: "Seed 3: gradients, sizes, translation, automatic differentiation",
    4: "Seed 4: tanh backpropagation, residual blocks, convolution as a matrix",
}


def select(which: Sequence[str] = ()) -> list[Entry]:
    """Entries by id ("S2.07") or document ("seed2"); all of them if nothing is named.

    Raises:
        ValueError: a name that is neither.

    >>> [row.id for row in select(["S2.07", "S0.01"])], len(select(["seed2"]))
    (['S2.07', 'S0.01'], 47)
    """
    found = [row for name in which for row in named(name)]
    return found if which else list(ENTRIES.values())


def named(name: str) -> list[Entry]:
    if name in ENTRIES:
        return [ENTRIES[name]]
    rows = [row for row in ENTRIES.values() if name == f"seed{row.seed}"]
    if not rows:
        raise ValueError(
            f"examples: {name!r} is neither an example nor a document; use an id such as S2.07, or seed0 to seed4"
        )
    return rows
