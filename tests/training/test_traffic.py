"""Tests of counting what a program sends: each way XLA writes a group, each kind's share, real programs."""

from functools import partial

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import AxisType

from jaxcnn.training.traffic import Collective, collectives

GROUPS = {
    "listed": "replica_groups={{0,1,2,3},{4,5,6,7}}",
    "counted": "replica_groups=[2,4]<=[8]",
    "on-a-mesh": "replica_groups=mesh['axis_0'=2,'axis_1'=4] {'axis_1'}",
    "on-two-axes": "replica_groups=mesh['a'=2,'b'=3,'c'=2] {'a','c'}",
}


@pytest.mark.parametrize("groups", GROUPS.values(), ids=GROUPS)
def test_who_takes_part(groups):
    assert collectives(f"%r = f32[3,2]{{1,0}} all-gather(%x), {groups}") == [Collective("all-gather", 24, 4)]


SENT = {"all-reduce": 150, "all-gather": 75, "reduce-scatter": 300, "all-to-all": 75, "collective-permute": 100}


@pytest.mark.parametrize(("kind", "sent"), SENT.items(), ids=SENT)
def test_what_each_device_sends_of_100_bytes(kind, sent):
    assert Collective(kind, 100, 4).sent == sent


def test_half_types_and_tuples_and_asynchronous_calls():
    text = "%r = (bf16[4]{0}, (s8[3]{0}, pred[])) all-reduce-start(%x), replica_groups={{0,1}}"
    assert collectives(text) == [Collective("all-reduce", 12, 2)]


def test_a_real_program():
    mesh = jax.make_mesh((2,), ("data",), axis_types=(AxisType.Auto,))
    summed = jax.shard_map(
        partial(jax.lax.psum, axis_name="data"), mesh=mesh, in_specs=jax.P("data"), out_specs=jax.P()
    )
    program = jax.jit(summed).lower(jnp.ones((2, 5), jnp.float32)).compile().as_text()
    assert collectives(program) == [Collective("all-reduce", 20, 2)]
