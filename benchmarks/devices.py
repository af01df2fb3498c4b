"""What a step sends from device to device, counted from its compiled program, and the batch that hides it.

    JAX_NUM_CPU_DEVICES=8 python -m benchmarks.devices

A gradient of P parameters in float32 goes once around the ring: 2 (d - 1) / d 4 P bytes from each of d devices. It is
hidden behind the rest of the backward pass, 4 multiply-adds' worth of operations per example and weight use, where

    n >= 2 (d - 1) / d 4 P / bandwidth * share of peak * peak / (4 M)       n examples per device, M multiply-adds each
"""

from __future__ import annotations

from functools import partial
from math import ceil
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxcnn import networks, ops
from jaxcnn.training import devices
from jaxcnn.training.batches import Batch
from jaxcnn.training.step import Learner, initial_state, step
from jaxcnn.training.traffic import collectives

NETWORKS = {"seed2": 8, "resnet14": 8, "resnet18": 8, "alexnet": 8}  # examples per device while counting
SHARE_OF_PEAK = 0.4
KIB = 1024


class Hardware(NamedTuple):
    """One device: operations per second, and bytes per second that it sends, as their makers give them."""

    name: str
    peak: float
    bandwidth: float


HARDWARE = (
    Hardware("CPU, 10 Gb Ethernet", 1e12, 10e9 / 8),  # 16 cores of 2 GHz with 32 float32 operations a cycle
    Hardware("H200, NVLink", 989e12, 450e9),  # bfloat16; 900 GB/s in both directions together
    Hardware("TPU v5p, ICI", 459e12, 4800e9 / 8),  # bfloat16; all links of a chip
)


class Step(NamedTuple):
    """A training step of one network on all devices."""

    parameters: int
    multiply_adds: int  # per example, forwards
    sent: float  # bytes from each device
    least: float  # bytes, of the parameters' gradients alone


def count(name: str, examples: int) -> Step:
    """Compile a step and count."""
    named = networks.NAMED[name]
    network, shape, many = named.build(), named.input_shape, jax.device_count()
    learner = Learner(network, ops, optax.sgd(0.1), examples * many)
    mesh = devices.mesh_for(examples * many, 1, None, 1)
    with jax.set_mesh(mesh):
        everywhere, spread = (jax.NamedSharding(mesh, spec) for spec in (jax.P(), jax.P(None, devices.DATA)))
        state = jax.eval_shape(lambda: initial_state(learner, jax.random.key(0), shape))
        state = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=everywhere), state)
        leaves = ((*shape,), jnp.uint8), ((), jnp.int32), ((), jnp.float32)
        n = examples * many
        batch = Batch(*(jax.ShapeDtypeStruct((1, n, *rest), dtype, sharding=spread) for rest, dtype in leaves))
        key = jax.ShapeDtypeStruct((), jax.random.key(0).dtype, sharding=everywhere)
        program = jax.jit(partial(step, learner)).lower(state, batch, key).compile().as_text()
    rows = networks.summary(network, shape)
    parameters, multiply_adds = sum(row.parameters for row in rows), sum(row.multiply_adds for row in rows)
    least = 2 * (many - 1) / many * 4 * parameters
    return Step(parameters, multiply_adds, sum(call.sent for call in collectives(program)), least)


def hidden_from(found: Step, hardware: Hardware) -> float:
    """Examples per device from which on the backward pass takes longer than its sums are under way."""
    return found.least / hardware.bandwidth * SHARE_OF_PEAK * hardware.peak / (4 * found.multiply_adds)


def main() -> None:
    print(f"{jax.device_count()} devices\n")
    names = " | ".join(hardware.name for hardware in HARDWARE)
    print(f"| network | parameters | sent per step and device | 2 (d - 1) / d 4 P | {names} |")
    print("|---|---|---|---|" + "---|" * len(HARDWARE))
    for name, examples in NETWORKS.items():
        found = count(name, examples)
        batches = " | ".join(f"{ceil(hidden_from(found, hardware)):,}" for hardware in HARDWARE)
        sent, least = (f"{size / KIB:,.1f} KiB" for size in (found.sent, found.least))
        print(f"| {name} | {found.parameters:,} | {sent} | {least} | {batches} |")


if __name__ == "__main__":
    main()
