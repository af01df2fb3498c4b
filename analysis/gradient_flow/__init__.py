"""Vanishing, exploding and dying gradients: theory beside measurement."""

from analysis.gradient_flow.compare import Comparison, compare
from analysis.gradient_flow.initial import HE, LECUN, ORTHOGONAL, Init
from analysis.gradient_flow.layers import as_network
from analysis.gradient_flow.meanfield import Phase, critical, phase
from analysis.gradient_flow.measure import Flow, measure
from analysis.gradient_flow.predict import Prediction, predict
from analysis.gradient_flow.verdict import Finding, symptoms, verdict

__all__ = [
    "HE",
    "LECUN",
    "ORTHOGONAL",
    "Comparison",
    "Finding",
    "Flow",
    "Init",
    "Phase",
    "Prediction",
    "as_network",
    "compare",
    "critical",
    "measure",
    "phase",
    "predict",
    "symptoms",
    "verdict",
]
