"""What a compiled program sends from device to device, counted from its text.

Sent by each of d devices for an array of B bytes, on a ring (Patarasuk and Yuan 2009), which is the least there is:

    all-reduce             2 (d - 1) / d B
    all-gather             (d - 1) / d B          B: what is gathered
    reduce-scatter         (d - 1) / d B          B: what is scattered
    all-to-all             (d - 1) / d B
    collective-permute     B
"""

from __future__ import annotations

import re
from math import prod
from typing import NamedTuple

COLLECTIVES = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")
BITS = {"pred": 8, "s8": 8, "u8": 8, "s16": 16, "u16": 16, "bf16": 16, "f16": 16, "s32": 32, "u32": 32, "f32": 32}
BITS |= {"s64": 64, "u64": 64, "f64": 64}

CALL = re.compile(rf"= (?P<result>.*?) (?P<kind>{'|'.join(COLLECTIVES)})(?:-start)?\((?P<rest>.*)")
ARRAY = re.compile(rf"\b({'|'.join(BITS)})\[([\d,]*)\]")
GROUPS = (  # the three ways in which XLA writes down who takes part
    re.compile(r"replica_groups=\{\{([\d,]+)\}"),
    re.compile(r"replica_groups=\[\d+,(\d+)\]"),
    re.compile(r"replica_groups=mesh\[(?P<axes>[^\]]*)\] ?\{(?P<chosen>[^}]*)\}"),
)


class Collective(NamedTuple):
    """One call: its kind, the bytes of its result on one device, and how many devices take part."""

    kind: str
    result: int
    devices: int

    @property
    def sent(self) -> float:
        """Bytes that each device sends, on a ring."""
        share = (self.devices - 1) / self.devices
        whole = self.result * self.devices if self.kind == "reduce-scatter" else self.result
        return {"all-reduce": 2 * share, "collective-permute": 1.0}.get(self.kind, share) * whole


def collectives(program: str) -> list[Collective]:
    """The calls in a program as `jax.jit(f).lower(...).compile().as_text()` gives it; a loop's body counts once.

    >>> text = "%a = (f32[10]{0}, f32[]) all-reduce(%b, %c), replica_groups={{0,1,2,3}}, to_apply=%add"
    >>> collectives(text), collectives(text)[0].sent
    ([Collective(kind='all-reduce', result=44, devices=4)], 66.0)
    """
    calls = (CALL.search(line) for line in program.splitlines())
    return [Collective(call["kind"], size(call["result"]), participants(call["rest"])) for call in calls if call]


def size(result: str) -> int:
    """Bytes of the arrays in a result's type."""
    return sum(prod(int(n) for n in shape.split(",") if n) * BITS[dtype] // 8 for dtype, shape in ARRAY.findall(result))


def participants(attributes: str) -> int:
    """How many devices one group of a collective has."""
    listed, counted, meshed = (pattern.search(attributes) for pattern in GROUPS)
    if listed:
        return len(listed[1].split(","))
    if counted:
        return int(counted[1])
    if meshed:
        axes = dict(re.findall(r"'([^']+)'=(\d+)", meshed["axes"]))
        return prod(int(axes[axis]) for axis in re.findall(r"'([^']+)'", meshed["chosen"]))
    return 2  # a permutation names pairs
