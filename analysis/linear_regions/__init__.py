"""The exact piecewise-linear structure of ReLU networks: knots, regions, decision boundaries, and how many to expect.

    from analysis.linear_regions import Plane, box, partition, segment

    regions = partition([(kernel1, bias1), (kernel2, bias2)], box(-1, 1))     dense layers, ReLU between them
    regions = partition(network, params, domain, plane=Plane.through(a, b, c))
    regions.count, regions.vertices, regions.polygons, regions.affine_maps, regions.boundary, regions.certificate

    pieces = segment(network, a, b, params)                                   the same along a line
    pieces.knots, pieces.slopes, pieces.classes(), pieces.integrated_gradients(output)

`synthesis` builds networks from functions, `expectation` predicts counts, `polyhedra` goes to three dimensions and up,
`oracle` does small networks in rational arithmetic.
"""

from analysis.linear_regions.boundary import Decision, decision, distances, walls
from analysis.linear_regions.certify import Certificate, certify
from analysis.linear_regions.domain import Plane, around, box, regular
from analysis.linear_regions.estimate import Estimate, count, estimate
from analysis.linear_regions.operations import ABSOLUTE, HARD_TANH, RELU, leaky
from analysis.linear_regions.partition import Regions, partition
from analysis.linear_regions.polyhedra import regions_in_box
from analysis.linear_regions.segment import Segment, segment
from analysis.linear_regions.statistics import invariants, statistics

__all__ = [
    "ABSOLUTE",
    "HARD_TANH",
    "RELU",
    "Certificate",
    "Decision",
    "Estimate",
    "Plane",
    "Regions",
    "Segment",
    "around",
    "box",
    "certify",
    "count",
    "decision",
    "distances",
    "estimate",
    "invariants",
    "leaky",
    "partition",
    "regions_in_box",
    "regular",
    "segment",
    "statistics",
    "walls",
]
