"""Reading and writing weights. A file is believed only after every tensor of it has been looked at.

`.safetensors` is read as it is; `.pth` and `.pt` through PyTorch with `weights_only=True`, which builds tensors and
containers and runs no code that a file brings along.

PyTorch counts batches in `num_batches_tracked`, which nothing here needs: it is passed over and not written.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file
from safetensors.numpy import save as serialise

from jaxcnn.errors import UserError
from jaxcnn.networks.network import Network, Params, Shape, flat, nested
from jaxcnn.weights.names import Tensor, tensors

Arrays = dict[str, np.ndarray]
SHOWN = 3  # names in a message


def load(path: Path, network: Network, input_shape: Shape, dtype: Any = np.float32) -> tuple[Params, Params]:
    """Parameters and running statistics of `network` from a file, named and laid out as `init` and `init_state` do.

    The file's names are this project's ("conv1/kernel") or PyTorch's ("features.0.weight"); which, is seen from them.

    Raises:
        UserError: the file cannot be read; it lacks a tensor, has one too many, or one of a wrong shape or with numbers
            that are not finite; it holds objects that would run code.
    """
    wanted = tensors(network, input_shape)
    arrays = {name: array for name, array in read(path).items() if not name.endswith("num_batches_tracked")}
    is_ours = any(tensor.path in arrays for tensor in wanted)
    expected = {tensor.path if is_ours else tensor.name: tensor for tensor in wanted}
    check_names(path, set(arrays), expected)
    leaves: dict[bool, dict[str, np.ndarray]] = {True: {}, False: {}}
    for name, tensor in expected.items():
        check(path, name, arrays[name], tensor.shape if is_ours else tensor.torch_shape)
        array = converted(path, name, arrays[name], dtype)
        leaves[tensor.is_learnt][tensor.path] = array if is_ours else tensor.from_torch(array)
    return nested(leaves[True]), nested(leaves[False])


def save(
    path: Path,
    network: Network,
    input_shape: Shape,
    params: Params,
    state: Params | None = None,
    names: Literal["jaxcnn", "pytorch"] = "pytorch",
) -> None:
    """Write parameters and running statistics: a `.safetensors`, or with PyTorch's names also a `.pth`.

    What `load` read is written back with the same names, layouts and bits.

    Raises:
        UserError: the suffix is neither, or `.pth` is asked for and PyTorch is not installed.
    """
    leaves = {name: np.asarray(leaf) for part in (params, state) for name, leaf in flat(part).items()}
    if names == "pytorch":
        leaves = {tensor.name: tensor.to_torch(leaves[tensor.path]) for tensor in tensors(network, input_shape)}
    if path.suffix == ".safetensors":
        path.write_bytes(serialise(leaves))
    elif is_pytorch(path) and names == "pytorch":
        torch = import_torch(path)
        torch.save({name: torch.from_numpy(leaf.copy()) for name, leaf in leaves.items()}, path)
    else:
        raise UserError(f"{path}: weights are written to .safetensors, or with PyTorch's names to .pth")


def read(path: Path) -> Arrays:
    """The file's tensors by name.

    Raises:
        UserError: no such file, or it is no weights file, or is damaged, or would run code.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; name weights in .safetensors or .pth")
    if path.suffix == ".safetensors":
        try:
            return {name: widened(array) for name, array in load_file(path).items()}
        except (SafetensorError, OSError, KeyError, AttributeError) as error:  # the last: numpy has no such dtype
            raise UserError(f"{path}: is no whole .safetensors file ({error}); fetch or write it again") from error
    if is_pytorch(path):
        return read_pytorch(path)
    raise UserError(f"{path}: weights are read from .safetensors or .pth, not {path.suffix or 'a file without suffix'}")


def read_pytorch(path: Path) -> Arrays:
    """The tensors of a state dict that PyTorch saved; half precision of 8 exponent bits is widened."""
    torch = import_torch(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # remarks on pickles, which are refused below
            entries = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path}: holds objects that may run code, or is damaged; only tensors are read: save a state_dict() again"
        ) from error
    except (RuntimeError, OSError, EOFError, ValueError) as error:
        raise UserError(f"{path}: PyTorch cannot read it ({first_line(error)}); save a state_dict() again") from error
    if not isinstance(entries, Mapping) or not all(isinstance(entry, torch.Tensor) for entry in entries.values()):
        raise UserError(f"{path}: holds something else than tensors by name; save the model's state_dict() alone")
    return {
        name: (entry.float() if entry.dtype == torch.bfloat16 else entry).numpy() for name, entry in entries.items()
    }


def widened(array: np.ndarray) -> np.ndarray:
    """bfloat16, which numpy does not count among floating-point numbers, as float32."""
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array


def is_pytorch(path: Path) -> bool:
    return path.suffix in (".pth", ".pt")


def import_torch(path: Path) -> Any:
    try:
        import torch
    except ImportError as error:
        raise UserError(
            f"{path}: reading {path.suffix} needs PyTorch; install jaxcnn[compare], or convert it to .safetensors"
        ) from error
    return torch


def check_names(path: Path, found: set[str], expected: dict[str, Tensor]) -> None:
    """Every tensor that the network has and no other."""
    for names, what in (
        ([name for name in expected if name not in found], "lacks"),
        (sorted(found - set(expected)), "has more than this network:"),
    ):
        if names:
            more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
            raise UserError(f"{path}: {what} {', '.join(names[:SHOWN])}{more}; is it another network's file?")


def check(path: Path, name: str, array: np.ndarray, shape: Shape) -> None:
    """The right shape, and numbers."""
    if array.shape != shape:
        raise UserError(f"{path}: {name} has shape {array.shape} but this network needs {shape}")
    if not np.issubdtype(array.dtype, np.floating):
        raise UserError(f"{path}: {name} holds {array.dtype}, not floating-point numbers")
    if not np.isfinite(array).all():
        count = array.size - np.count_nonzero(np.isfinite(array))
        raise UserError(f"{path}: {name} has {count:,} of {array.size:,} numbers that are not finite")


def converted(path: Path, name: str, array: np.ndarray, dtype: Any) -> np.ndarray:
    """The numbers in another dtype, if it can hold them."""
    with np.errstate(over="ignore"):
        found = array.astype(dtype)
    if not np.isfinite(found).all():
        raise UserError(f"{path}: {name} has a number of size {np.abs(array).max():.3g}, too large for {found.dtype}")
    return found


def first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
