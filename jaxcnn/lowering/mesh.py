"""Whether arrays may lie on several devices, axis by axis: then a loop over parts of a batch is no longer local.

A part of a batch that is spread over devices lies on one of them; every turn of a loop over such parts would gather its
part from there, and every device would do the same work. Inside `shard_map` a function sees what its own device has,
and loops are local again.
"""

from __future__ import annotations

import jax


def is_spread() -> bool:
    """Whether a mesh of more than one device is in use whose axes the compiler (or the array's type) distributes.

    In use is what `jax.set_mesh` says, or the mesh of arrays whose types have explicit axes.

    >>> is_spread()
    False
    """
    mesh = jax.sharding.get_abstract_mesh()
    return any(mesh.shape[axis] > 1 for axis in (*mesh.auto_axes, *mesh.explicit_axes))
