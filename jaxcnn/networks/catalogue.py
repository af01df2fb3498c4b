"""Networks by name, for the command line: those of the seed documents, and those of the literature."""

from __future__ import annotations

from functools import partial

from jaxcnn.networks import seeds
from jaxcnn.networks.alexnet import alexnet
from jaxcnn.networks.lenet import lenet5
from jaxcnn.networks.network import Shape
from jaxcnn.networks.resnet import resnet18, resnet34, resnet50, resnet_small
from jaxcnn.networks.seeds import Named
from jaxcnn.networks.vgg import vgg11, vgg16

DEPTHS = (8, 14, 20, 32, 44, 56)
SMALL: Shape = (32, 32, 3)
LARGE: Shape = (224, 224, 3)

NAMED = {
    **seeds.NAMED,
    "lenet5": Named(lenet5, (32, 32, 1)),
    **{f"resnet{depth}": Named(partial(resnet_small, depth), SMALL) for depth in DEPTHS},
    "resnet18": Named(resnet18, LARGE),
    "resnet34": Named(resnet34, LARGE),
    "resnet50": Named(resnet50, LARGE),
    "alexnet": Named(alexnet, LARGE),
    "vgg11": Named(vgg11, LARGE),
    "vgg16": Named(vgg16, LARGE),
}
