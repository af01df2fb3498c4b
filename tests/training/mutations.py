"""Damage of every kind that files meet: done to bytes, and to what JSON says."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

EXTREMES = (0, 1, -1, 2**7, 2**8 - 1, 2**15, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1)
TEXTS = ("", "\0", "\ud800", "é\U0001f9e0", "[/red]", "%s{0}", "../../outside", "/", "x" * 10_000, "nan", "1")
VALUES = (*EXTREMES, *TEXTS, None, True, False, 0.5, -0.0, 1e-320, 1e308, 10**30, 10**4000, [], {}, [[]], {"": {}})
LITERALS = ("NaN", "-Infinity", "1e999", "[" * 100_000, '{"a":' * 50_000, "9" * 5_000, '"\\ud800"', "\ufeff{}", "{},")


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """One to three of the changes below, one after the other."""
    for _ in range(int(rng.integers(1, 4))):
        content = CHANGES[rng.integers(len(CHANGES))](content, rng)
    return content


def cut(content: bytes, rng: np.random.Generator) -> bytes:
    return content[: place(content, rng)]


def flip(content: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 9)) if content else 0):
        changed[place(content, rng)] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def splice(content: bytes, rng: np.random.Generator) -> bytes:
    """A piece of it at another place, over what is there or in between."""
    start, at, length = place(content, rng), place(content, rng), int(rng.integers(1, 200))
    piece = content[start : start + length]
    return content[:at] + piece + content[at + (len(piece) if rng.integers(2) else 0) :]


def extend(content: bytes, rng: np.random.Generator) -> bytes:
    return content + rng.bytes(int(rng.integers(1, 300)))


def scramble(content: bytes, rng: np.random.Generator) -> bytes:
    at, length = place(content, rng), int(rng.integers(1, 40))
    return content[:at] + rng.bytes(length) + content[at + length :]


def replace_all(content: bytes, rng: np.random.Generator) -> bytes:
    return rng.bytes(int(rng.integers(0, 100)))


def number(content: bytes, rng: np.random.Generator) -> bytes:
    """A number among the first bytes, of 1, 4 or 8 bytes in either order, becomes an extreme one."""
    width, order = (1, 4, 8)[rng.integers(3)], ("big", "little")[rng.integers(2)]
    value = EXTREMES[rng.integers(len(EXTREMES))] % 256**width
    at = int(rng.integers(0, 24))
    return content[:at] + value.to_bytes(width, order) + content[at + width :]


CHANGES = (cut, flip, flip, splice, extend, scramble, replace_all, number, number)


def place(content: bytes, rng: np.random.Generator) -> int:
    """Any place; half of the time one of the first hundred, where headers are."""
    end = min(100, len(content)) if rng.integers(2) else len(content)
    return int(rng.integers(0, max(1, end)))


def mutated_json(content: bytes, rng: np.random.Generator) -> bytes:
    """Another value somewhere, a name more or less, another literal, or bytes changed as in any file."""
    kind = rng.integers(5)
    if kind == 0:
        return mutated(content, rng)
    tree = json.loads(content)
    name = list(tree)[rng.integers(len(tree))]
    if kind == 1:
        del tree[name]
    elif kind == 2:
        tree[TEXTS[rng.integers(len(TEXTS))]] = odd(rng)
    else:
        tree[name] = odd(rng)
    text = json.dumps(tree)
    if kind == 3:
        text = text.replace(json.dumps(tree[name]), LITERALS[rng.integers(len(LITERALS))], 1)
    return text.encode(errors="surrogatepass")


def odd(rng: np.random.Generator) -> Any:
    return VALUES[rng.integers(len(VALUES))]
