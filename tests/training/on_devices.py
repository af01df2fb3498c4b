"""A program that tests start: fifty steps of one run on some devices, as JSON on stdout.

python -m tests.training.on_devices D [D ...] [--process I --coordinator HOST:PORT]
"""

from __future__ import annotations

import argparse
import json

import jax
import numpy as np

from jaxcnn import networks
from jaxcnn.training import devices, processes
from jaxcnn.training.batches import batch_at
from jaxcnn.training.config import Config
from jaxcnn.training.epoch import epoch
from jaxcnn.training.gradients import loss_and_gradient
from jaxcnn.training.loop import make_keys, make_learner
from jaxcnn.training.step import initial_state
from tests.training.files import stripes

STEPS, BATCH = 50, 16
DATA = stripes(BATCH)  # one step per epoch, so that an epoch's loss is a step's


def network():
    return networks.serial(
        conv1=networks.conv(4, 3), relu1=networks.relu(), pool=networks.max_pool(2),
        conv2=networks.conv(8, 3, stride=2, groups=2), relu2=networks.relu(), flat=networks.flatten(),
        dense=networks.dense(10),
    )  # fmt: skip


def run(config):
    """The losses of all steps, and the gradient before the first."""
    learner = make_learner(config, network(), BATCH)
    keys = make_keys(0)
    mesh = devices.mesh_for(BATCH, 1, config.devices, 1)
    with jax.set_mesh(mesh):
        state = devices.everywhere(initial_state(learner, keys.initial, DATA.images.shape[1:]))
        batch = devices.everywhere(batch_at(DATA, BATCH, keys.epoch(1), 0))
        gradient = devices.local(loss_and_gradient(learner.network, learner.layers, state, *spread(batch))[2])
        examples, losses = type(DATA)(*devices.everywhere(tuple(DATA))), []
        for number in range(STEPS):
            state, sums, health = epoch(learner, state, examples, devices.everywhere(keys.epoch(number)))
            assert bool(health.is_good)
            losses.append(float(sums.loss) / BATCH)
    return {"losses": losses, "gradient": [np.ravel(g).tolist() for g in jax.tree.leaves(gradient)]}


def spread(batch_and_key):
    """The batch in parts on the devices, as a step has it."""
    batch, key = batch_and_key
    return jax.jit(devices.spread)(batch), key


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("devices", type=int, nargs="+")
    parser.add_argument("--process", type=int)
    parser.add_argument("--coordinator")
    asked = parser.parse_args()
    distributed = {}
    if asked.coordinator:
        distributed = {"coordinator": asked.coordinator, "processes": 2, "process": asked.process}
    settings = {"optimiser": "momentum", "learning_rate": 0.05, "schedule": "constant", "epochs": STEPS, **distributed}
    configs = [Config(devices=count, **settings) for count in asked.devices]
    processes.join(configs[0])
    print(json.dumps([run(config) for config in configs]))
