"""The rows of the transformation matrix that need several devices: a gradient on a mesh, in each of JAX's modes.

    Auto         jit; the compiler distributes the work
    Explicit     jit; the types of arrays say how they lie
    shard_map    every device calls the function with its part; gradients of what is whole are summed

What has a batch axis is spread over two devices: the leaves of the first argument that can be given in halves for
halves of all results (where none can, of the first). All else is whole. shard_map is compared with two plain calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, NamedSharding

from jaxcnn.agreement.evaluate import Leaves, quick

if TYPE_CHECKING:
    from jaxcnn.agreement.transformations import Outcome, Setting

DEVICES = 2
WAY_ROUND = {
    "Explicit mesh": "the rule has to say where its sums, windows and reshapes lie (out_sharding=)",
    "shard_map": "the rule has to sum a cotangent over the mesh axes that its primal does not vary on (jax.lax.psum)",
}


def mesh_of(kind: AxisType) -> jax.sharding.Mesh:
    """Two devices along one axis; NotImplementedError where there is one only."""
    if len(jax.devices()) < DEVICES:
        raise NotImplementedError(f"one device only; on CPU set jax_num_cpu_devices={DEVICES} before JAX starts")
    return jax.sharding.Mesh(np.array(jax.devices()[:DEVICES]), ("batch",), axis_types=(kind,))


def spread(s: Setting, argument: int | None = None) -> list[bool]:
    """Which float leaves of an argument (None: the first that has any) two devices can share along their first axis."""
    paths, floats = s.found.point.arguments.paths, s.inputs[0]
    numbers = [int(path.split("/")[0]) for path in paths]
    wanted = numbers[0] if argument is None else argument
    return [
        number == wanted and x.ndim > 0 and x.shape[0] % DEVICES == 0 for number, x in zip(numbers, floats, strict=True)
    ]


def on_a_mesh(s: Setting, kind: AxisType) -> Outcome:
    """The compiled gradient with some leaves spread over two devices."""
    mesh, (floats, others, dy) = mesh_of(kind), s.inputs

    def gradient(floats: Leaves, others: Leaves, dy: Leaves) -> Leaves:
        outputs, back = jax.vjp(lambda floats: s.pair.hand.forward(floats, others), floats)
        if kind is AxisType.Explicit:
            dy = [jax.sharding.reshard(d, jax.typeof(y).sharding) for d, y in zip(dy, outputs, strict=True)]
        return back(dy)[0]

    def place(x: Any, is_spread: bool) -> Any:
        return jax.device_put(x, NamedSharding(mesh, jax.P("batch") if is_spread else jax.P()))

    shared = shared_batch(s)
    chosen = spread(s) if shared is None else shared[0]
    if not any(chosen):
        raise NotImplementedError("no leaf of the first argument has a first axis that two devices can share")
    placed = [place(x, is_spread) for x, is_spread in zip(floats, chosen, strict=True)]
    with jax.set_mesh(mesh):
        got = quick(gradient)(placed, *jax.tree.map(lambda x: place(x, False), (others, dy)))
    return [np.asarray(g) for g in got], s.found.hand.gradients, s.noise()


def mapped_over_shards(s: Setting) -> Outcome:
    """The gradient under `shard_map` with its default checks."""
    mesh, places = mesh_of(AxisType.Auto), shared_batch(s)
    if places is None:
        raise NotImplementedError("no argument can be given in halves for halves of all results")

    def gradient(floats: Leaves, others: Leaves, dy: Leaves) -> Leaves:
        return jax.vjp(lambda floats: s.pair.hand.forward(floats, others), floats)[1](dy)[0]

    parts = [quick(gradient)(*part(s.inputs, places, number)) for number in range(DEVICES)]
    expected = [np.concatenate(g) if p else sum(g) for *g, p in zip(*parts, places[0], strict=True)]
    specs = jax.tree.map(lambda p: jax.P("batch") if p else jax.P(), places)
    sharded = jax.shard_map(gradient, mesh=mesh, in_specs=specs, out_specs=specs[0])
    return quick(sharded)(*s.inputs), expected, s.noise()


def part(leaves: Any, places: Any, number: int) -> Any:
    """What one device has of leaves that are spread where `places` says so."""
    return jax.tree.map(lambda x, p: jnp.split(x, DEVICES)[number] if p else x, leaves, places)


def shared_batch(s: Setting) -> tuple[list[bool], list[bool], list[bool]] | None:
    """Which float leaves, other leaves and results share a batch axis: one argument's, or all with an axis as long."""
    floats, others, _ = s.inputs
    for number in sorted({int(path.split("/")[0]) for path in s.found.point.arguments.paths}):
        chosen = spread(s, number)
        lengths = {x.shape[0] for x, is_spread in zip(floats, chosen, strict=True) if is_spread}
        if len(lengths) != 1:
            continue
        alike = [[np.shape(x)[:1] == (*lengths,) for x in leaves] for leaves in (floats, others)]
        for first, second in ((chosen, [False] * len(others)), alike):
            if gives_halves(s, (first, second)):
                return (first, second, [True] * len(s.pair.outputs.float_places))
    return None


def gives_halves(s: Setting, places: Any) -> bool:
    """Whether the function takes the first half of what is spread, and gives half of each result."""
    floats, others, _ = s.inputs
    whole = jax.eval_shape(s.pair.hand.forward, floats, others)
    fewer = part((floats, others), places, 0)
    try:
        half = jax.eval_shape(s.pair.hand.forward, *fewer)
    except (TypeError, ValueError):
        return False
    return all(w.ndim > 0 and w.shape[0] == DEVICES * h.shape[0] for w, h in zip(whole, half, strict=True))
