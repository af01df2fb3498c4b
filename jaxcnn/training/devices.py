"""Where a run computes: one mesh over the devices of all its processes.

    data     each batch is spread over this axis, and gradients are summed over it
    model    the weights of the large dense layers are spread over this axis, all else lies whole on every device

    W1[i, o/m]      W2[o/m, p]       the first spread by its outputs, the next by its inputs, and so on in turn: between
                                     the two nothing is sent (Shoeybi et al. 2019, Megatron-LM)

The step is one program for all devices, written as for one; the compiler adds the sums. Where no mesh is in use
(`jax.set_mesh`) all functions here leave an array as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding

from jaxcnn.errors import UserError

Tree = Any
DATA, MODEL = "data", "model"
LARGE = 2**20  # weights of a dense layer, from which on it is worth spreading


def mesh_for(batch_size: int, parts: int, devices: int | None, model_devices: int) -> Mesh:
    """The mesh of a run whose steps take `parts` batches of `batch_size / parts` examples.

    Args:
        devices: how many to use; None: as many as can share a batch evenly.
        model_devices: how many share the large dense layers; divides `devices`.

    Raises:
        UserError: more devices than there are, or so many that they cannot share evenly.
    """
    have, share = jax.device_count(), batch_size // parts
    if model_devices > have:
        raise UserError(f"--model-devices {model_devices}: there are {have} devices")
    if devices is None:
        devices = model_devices * max(d for d in range(1, have // model_devices + 1) if share % d == 0)
    if devices > have:
        raise UserError(
            f"--devices {devices}: there are {have}; on CPU, JAX_NUM_CPU_DEVICES={devices} splits it into so many"
        )
    if devices % model_devices:
        raise UserError(f"--model-devices {model_devices}: does not divide the {devices} devices of the run")
    data = devices // model_devices
    if share % data:
        raise UserError(
            f"--batch-size {batch_size}: {data} devices cannot share {share} examples evenly; choose a multiple of "
            f"{data * parts}, or --devices"
        )
    if jax.process_count() > 1 and devices < have:
        raise UserError(
            f"--batch-size {batch_size}: all {have} devices of the processes must have a part of each batch"
        )
    return jax.make_mesh(
        (data, model_devices), (DATA, MODEL), axis_types=(AxisType.Auto,) * 2, devices=jax.devices()[:devices]
    )


def is_in_use() -> bool:
    """Whether `jax.set_mesh` has been given a run's mesh."""
    return DATA in jax.sharding.get_abstract_mesh().axis_names


def shares() -> int:
    """How many devices share a batch."""
    return jax.sharding.get_abstract_mesh().shape[DATA] if is_in_use() else 1


def spread(tree: Tree, axis: int = 0) -> Tree:
    """Arrays inside a program, with `axis` spread over the devices that share a batch."""
    if not is_in_use():
        return tree
    return jax.lax.with_sharding_constraint(tree, jax.P(*(None,) * axis, DATA))


def assembled(shape: Sequence[int], axis: int, read: Callable[[Any], np.ndarray]) -> jax.Array:
    """An array of all processes, spread along `axis`; each process reads only what its own devices hold."""
    place = NamedSharding(jax.sharding.get_mesh(), jax.P(*(None,) * axis, DATA))
    return jax.make_array_from_callback(tuple(shape), place, read)


def everywhere(tree: Tree) -> Tree:
    """Arrays that every process has, whole on every device."""
    return put(tree, jax.tree.map(lambda leaf: jax.P(), tree))


def put(tree: Tree, specs: Tree) -> Tree:
    """Arrays that every process has, on the devices as `specs` says."""
    if not is_in_use():
        return jax.device_put(tree)
    mesh = jax.sharding.get_mesh()

    def place(leaf: Any, spec: jax.P) -> jax.Array:
        if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return jax.random.wrap_key_data(place(jax.random.key_data(leaf), spec))
        if isinstance(leaf, jax.Array) and leaf.sharding == NamedSharding(mesh, spec):
            return leaf
        host = np.asarray(leaf)
        return jax.make_array_from_callback(host.shape, NamedSharding(mesh, spec), host.__getitem__)

    return jax.tree.map(place, tree, specs)


def local(tree: Tree) -> Tree:
    """Arrays as this process's own, whole; all processes have to ask for it."""
    if is_in_use():
        mesh = jax.sharding.get_mesh()
        tree = jax.jit(lambda tree: tree, out_shardings=NamedSharding(mesh, jax.P()))(tree)
    return jax.tree.map(np.asarray, tree)


def layout(shapes: dict[str, tuple[int, ...]]) -> dict[str, jax.P]:
    """How each parameter lies on the mesh; names in running order.

    >>> layout({"conv/kernel": (3, 3, 3, 8), "dense1/kernel": (2048, 512), "dense2/kernel": (512, 2048)})
    {'conv/kernel': P(), 'dense1/kernel': P(None, 'model'), 'dense2/kernel': P('model', None)}
    """
    specs, by_outputs = {}, True
    for name, shape in shapes.items():
        is_large = len(shape) == 2 and shape[0] * shape[1] >= LARGE
        specs[name] = (jax.P(None, MODEL) if by_outputs else jax.P(MODEL, None)) if is_large else jax.P()
        by_outputs ^= is_large
    return specs


def specs(tree: Tree, shapes: dict[str, tuple[int, ...]]) -> Tree:
    """How every leaf of a state lies: a parameter by its name, and what an optimiser keeps of it as the parameter."""
    found = layout(shapes)

    def spec(path: Any, leaf: Any) -> jax.P:
        name = "/" + jax.tree_util.keystr(path, simple=True, separator="/")
        owner = max((each for each in found if name.endswith("/" + each)), key=len, default=None)
        return found[owner] if owner is not None and np.shape(leaf) == shapes[owner] else jax.P()

    return jax.tree.map_with_path(spec, tree)


def in_words() -> str:
    """The mesh in use, for the terminal."""
    kind = jax.devices()[0].device_kind
    if not is_in_use() or jax.sharding.get_mesh().size == jax.device_count() == 1:
        return kind
    shape, among = jax.sharding.get_abstract_mesh().shape, f"of {jax.device_count()} ({kind})"
    model = f", {shape[MODEL]} to each copy of the large layers" if shape[MODEL] > 1 else ""
    where = f" in {jax.process_count()} processes" if jax.process_count() > 1 else ""
    return f"{shape[DATA] * shape[MODEL]} devices {among}{where}{model}"
