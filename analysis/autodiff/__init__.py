"""Reverse-mode differentiation on an explicit graph: the AutoDiff algorithm of seed 3, exercise 4.

graph = trace(function, *arguments)     the computation graph of any JAX function, or a Graph made by hand
graph.children("theta")                 step 1
graph.schedule()                        step 2: every node after all its children
tape = differentiate(graph)             steps 3 to 5: t_n = sum over children c of (df_c / df_n) t_c     (eq. 10)
print(tape)
draw(graph, tape=tape, ax=ax)
"""

from analysis.autodiff.drawing import draw
from analysis.autodiff.exercises import convolutional, exercise, perceptron
from analysis.autodiff.graph import Graph, Node
from analysis.autodiff.rules import PRIMITIVES
from analysis.autodiff.tape import Step, Tape, Term, differentiate
from analysis.autodiff.trace import trace

__all__ = [
    "PRIMITIVES",
    "Graph",
    "Node",
    "Step",
    "Tape",
    "Term",
    "convolutional",
    "differentiate",
    "draw",
    "exercise",
    "perceptron",
    "trace",
]
