"""Weights in files: `.safetensors` with this project's names or PyTorch's, and PyTorch's own `.pth`.

names.py    which tensor of a PyTorch state dict is which leaf, and how its axes are ordered
files.py    reading, writing, and what is refused
"""

from jaxcnn.weights.files import load, save
from jaxcnn.weights.names import Tensor, tensors

__all__ = ["Tensor", "load", "save", "tensors"]
