"""`jaxcnn`, with the network `tiny` among its names, as a program that tests start."""

import sys

from jaxcnn.cli import command_line
from jaxcnn.networks import NAMED, Named
from tests.training import tiny

if __name__ == "__main__":
    NAMED["tiny"] = Named(tiny.network, tiny.SHAPE)
    sys.argv[0] = "jaxcnn"
    command_line()
