"""The same weights in PyTorch: logits, loss, every gradient, running statistics, and files in both directions.

There is no torchvision here: its networks are written down again, with its names and sizes.
"""

import pickle
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
import pytest

from jaxcnn import ops
from jaxcnn.errors import UserError
from jaxcnn.networks import Network, alexnet, lenet5, resnet18, resnet50, resnet_small, vgg11
from jaxcnn.networks.network import flat, nested
from jaxcnn.weights import load, save, tensors

torch = pytest.importorskip("torch")
nn, functional = torch.nn, torch.nn.functional


class LeNet5(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 5), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x):
        x = functional.avg_pool2d(torch.tanh(self.conv1(x)), 2)
        x = functional.avg_pool2d(torch.tanh(self.conv2(x)), 2)
        return self.fc3(torch.tanh(self.fc2(torch.tanh(self.fc1(torch.flatten(x, 1))))))


class AlexNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            *(nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
            *(nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
            *(nn.Conv2d(192, 384, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(384, 256, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2)),
        )
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Sequential(
            *(nn.Dropout(), nn.Linear(9216, 4096), nn.ReLU()),
            *(nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU()),
            nn.Linear(4096, 1000),
        )

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


class VGG11(nn.Module):
    def __init__(self):
        super().__init__()
        layers, inputs = [], 3
        for channels, count in [(64, 1), (128, 1), (256, 2), (512, 2), (512, 2)]:
            for _ in range(count):
                layers += [nn.Conv2d(inputs, channels, 3, padding=1), nn.ReLU()]
                inputs = channels
            layers += [nn.MaxPool2d(2)]
        self.features, self.avgpool = nn.Sequential(*layers), nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            *(nn.Linear(25088, 4096), nn.ReLU(), nn.Dropout()),
            *(nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout()),
            nn.Linear(4096, 1000),
        )

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


class Block(nn.Module):
    """torchvision's BasicBlock (widening 1) and Bottleneck (widening 4)."""

    def __init__(self, inputs, width, stride, widening):
        super().__init__()
        channels, windows = width * widening, (3, 3) if widening == 1 else (1, 3, 1)
        strides = (stride, 1) if widening == 1 else (1, stride, 1)
        widths = [inputs, *[width] * (len(windows) - 1), channels]
        self.depth, self.downsample = len(windows), None
        for i, (window, step) in enumerate(zip(windows, strides, strict=True), start=1):
            self.add_module(f"conv{i}", nn.Conv2d(widths[i - 1], widths[i], window, step, window // 2, bias=False))
            self.add_module(f"bn{i}", nn.BatchNorm2d(widths[i]))
        if stride != 1 or inputs != channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x):
        y = x
        for i in range(1, self.depth + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
            y = torch.relu(y) if i < self.depth else y
        return torch.relu(y + (self.downsample(x) if self.downsample else x))


class ResNet(nn.Module):
    def __init__(self, counts=(2, 2, 2, 2), widening=1):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        inputs = 64
        for stage, count in enumerate(counts):
            width, blocks = 64 * 2**stage, []
            for number in range(count):
                blocks.append(Block(inputs, width, 2 if stage and not number else 1, widening))
                inputs = width * widening
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(inputs, 1000)

    def forward(self, x):
        x = functional.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for stage in range(1, 5):
            x = getattr(self, f"layer{stage}")(x)
        return self.fc(x.mean(dim=(2, 3)))


class Pair(NamedTuple):
    """The same network twice, the shape of one example for this test, and how many to take."""

    here: Callable[[], Network]
    there: Callable[[], nn.Module]
    input_shape: tuple[int, int, int]
    batch: int = 2


heavy = pytest.mark.heavy
PAIRS = {
    "lenet5": Pair(lenet5, LeNet5, (32, 32, 1), 4),
    "resnet18": Pair(resnet18, ResNet, (64, 64, 3)),
    "resnet18-224": Pair(resnet18, ResNet, (224, 224, 3)),
    "resnet50": Pair(resnet50, lambda: ResNet((3, 4, 6, 3), 4), (64, 64, 3)),
    "alexnet": Pair(alexnet, AlexNet, (224, 224, 3)),
    "vgg11": Pair(vgg11, VGG11, (224, 224, 3), 1),
}
LIGHT = ("lenet5", "resnet18")
pairs = pytest.mark.parametrize("name", [n if n in LIGHT else pytest.param(n, marks=heavy) for n in PAIRS])
TOLERANCES = {"float32": 1e-4, "float64": 1e-10}
precisions = pytest.mark.parametrize(("dtype", "tolerance"), TOLERANCES.items(), ids=TOLERANCES)
BATCHES = 5  # at most, until none of a batch's kinks is turned by rounding to float32


def twins(name: str, dtype: str, seed: int = 0) -> tuple[nn.Module, Network, dict, dict, np.ndarray, np.ndarray]:
    """The PyTorch model, this network with its weights, and a batch of images [n, h, w, c] and labels."""
    pair = PAIRS[name]
    random = np.random.default_rng(seed)
    torch.manual_seed(0)
    model = pair.there().to(torch.float64)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):  # at rest they would hide mistakes
            for tensor in (module.weight, module.bias, module.running_mean, module.running_var):
                torch.nn.init.uniform_(tensor, 0.5, 1.5)
    model = model.to(getattr(torch, dtype)).eval()
    network = pair.here()
    params, state = arrays(model.state_dict(), network, pair.input_shape)
    images = random.standard_normal((pair.batch, *pair.input_shape)).astype(dtype)
    labels = random.integers(0, network.output_shape(pair.input_shape)[0], pair.batch)
    return model, network, params, state, images, labels


def arrays(entries: dict, network: Network, input_shape: tuple[int, int, int]) -> tuple[dict, dict]:
    """PyTorch's tensors as this network's parameters and statistics."""
    found = {True: {}, False: {}}
    for tensor in tensors(network, input_shape):
        copied = entries[tensor.name].detach().numpy().copy()  # PyTorch's steps change tensors in place
        found[tensor.is_learnt][tensor.path] = tensor.from_torch(copied)
    return nested(found[True]), nested(found[False])


def to_torch(images: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))


def far(found: np.ndarray, wanted: np.ndarray) -> float:
    """The largest difference in units of the largest number."""
    return float(np.abs(np.asarray(found) - wanted).max() / (np.abs(wanted).max() or 1))


def worst(found: dict, wanted: dict) -> tuple[float, str]:
    wanted = flat(wanted)
    return max((far(leaf, wanted[path]), path) for path, leaf in flat(found).items())


def loss(params, state, images, labels, network, training):
    logits, state = network.apply(params, images, state, training=training)
    return ops.softmax_cross_entropy(logits, labels).mean(), (logits, state)


gradients = jax.jit(jax.value_and_grad(loss, has_aux=True), static_argnames=("network", "training"))


def farthest_gradient(name: str, dtype: str, seed: int) -> tuple[float, str]:
    """The parameter whose gradient is farthest from PyTorch's; everything else of that batch must agree."""
    model, network, params, state, images, labels = twins(name, dtype, seed)
    (value, (logits, _)), found = gradients(params, state, images, labels, network, False)
    their_logits = model(to_torch(images))
    their_loss = functional.cross_entropy(their_logits, torch.from_numpy(labels))
    their_loss.backward()
    theirs = {key: tensor.grad for key, tensor in model.named_parameters()} | dict(model.named_buffers())
    wanted, _ = arrays(theirs, network, images.shape[1:])

    assert logits.dtype == dtype
    assert set(flat(found)) == set(flat(wanted))
    assert len(flat(found)) == len(list(model.parameters()))
    assert far(logits, their_logits.detach().numpy()) < TOLERANCES[dtype]
    assert far(value, their_loss.detach().numpy()) < TOLERANCES[dtype]
    return worst(found, wanted)


@pairs
@precisions
def test_logits_loss_and_every_gradient_are_pytorch_s(name, dtype, tolerance):
    """Gradients jump where rounding to float32 turns a ReLU or a winner: such a batch must agree in float64."""
    for seed in range(BATCHES):
        found = farthest_gradient(name, dtype, seed)
        if found[0] < tolerance:
            return
        assert dtype == "float32", found
        exact = farthest_gradient(name, "float64", seed)
        assert exact[0] < TOLERANCES["float64"], (found, exact)
    pytest.fail(f"rounding turned a kink in each of {BATCHES} batches, the last of which is off by {found}")


def test_three_steps_of_sgd_move_parameters_and_running_statistics_as_in_pytorch():
    """In float64: the last stage's statistics are of four numbers, so that rounding to float32 grows beyond 1e-4."""
    model, network, params, state, _, _ = twins("resnet18", "float64")
    images = np.random.default_rng(1).standard_normal((3, 4, 32, 32, 3))
    labels = np.random.default_rng(2).integers(0, 1000, (3, 4))
    descent = torch.optim.SGD(model.train().parameters(), lr=0.01)
    before = state
    for step in range(3):
        (_, (_, state)), found = gradients(params, state, images[step], labels[step], network, True)
        params = jax.tree.map(lambda leaf, gradient: leaf - 0.01 * gradient, params, found)
        descent.zero_grad()
        functional.cross_entropy(model(to_torch(images[step])), torch.from_numpy(labels[step])).backward()
        descent.step()
    their_params, their_state = arrays(model.state_dict(), network, (64, 64, 3))
    assert worst(state, before)[0] > 1e-2
    assert worst(state, their_state)[0] < 1e-10
    assert worst(params, their_params)[0] < 1e-10


@pytest.mark.parametrize("name", [pytest.param("alexnet", marks=heavy), "lenet5", "resnet18"])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_files_go_there_and_back_bit_for_bit(name, suffix, tmp_path):
    model, network, params, state, images, _ = twins(name, "float32")
    torch.save(model.state_dict(), tmp_path / "theirs.pth")
    loaded = load(tmp_path / "theirs.pth", network, images.shape[1:])
    assert jax.tree.all(jax.tree.map(np.array_equal, loaded, (params, state)))

    ours = tmp_path / f"ours{suffix}"
    save(ours, network, images.shape[1:], *loaded)
    again = torch.load(ours, weights_only=True) if suffix == ".pth" else from_safetensors(ours)
    theirs = {key: tensor for key, tensor in model.state_dict().items() if "num_batches" not in key}
    assert set(again) == set(theirs)
    assert all(torch.equal(again[key], tensor) for key, tensor in theirs.items())
    model.load_state_dict(again)
    assert jax.tree.all(jax.tree.map(np.array_equal, load(ours, network, images.shape[1:]), loaded))


def from_safetensors(path) -> dict:
    from safetensors.torch import load_file

    return load_file(path)


class Mischief:
    """What a pickle can do: call any function when it is opened."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return exec, (f"open({str(self.marker)!r}, 'w').close()",)


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy pickle"])
def test_a_pickle_that_would_run_code_is_refused(legacy, tmp_path):
    marker, path = tmp_path / "ran", tmp_path / "weights.pth"
    torch.save({"conv1.weight": Mischief(marker)}, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(UserError, match=r"weights\.pth: holds objects that may run code"):
        load(path, lenet5(), (32, 32, 1))
    assert not marker.exists()
    torch.load(path, weights_only=False)
    assert marker.exists()  # the file is what it is meant to be


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda: {"model": LeNet5().state_dict()}, "something else than tensors by name"),
        (lambda: [torch.zeros(2)], "something else than tensors by name"),
        (lambda: {k: v for k, v in LeNet5().state_dict().items() if k != "fc1.bias"}, r"lacks fc1\.bias;"),
        (lambda: {k: v / 0 for k, v in LeNet5().state_dict().items()}, r"conv1\.weight has 150 of 150 numbers"),
        (lambda: ResNet().state_dict(), r"lacks conv1\.bias, conv2\.weight, conv2\.bias and 6 more"),
    ],
    ids=["a checkpoint of more", "a list", "a tensor missing", "not finite", "another network's"],
)
def test_what_a_state_dict_may_be(content, message, tmp_path):
    torch.save(content(), tmp_path / "w.pth")
    with pytest.raises(UserError, match=message):
        load(tmp_path / "w.pth", lenet5(), (32, 32, 1))


def test_half_precision_is_widened(tmp_path):
    model = LeNet5()
    torch.save({key: tensor.bfloat16() for key, tensor in model.state_dict().items()}, tmp_path / "w.pth")
    params, _ = load(tmp_path / "w.pth", lenet5(), (32, 32, 1))
    assert params["conv1"]["kernel"].dtype == np.float32
    assert np.array_equal(params["conv1"]["bias"], model.conv1.bias.bfloat16().float().detach().numpy())


def test_the_small_residual_network_has_the_usual_names():
    names = {tensor.name for tensor in tensors(resnet_small(8), (32, 32, 3))}
    assert {"conv1.weight", "layer1.0.conv1.weight", "layer3.0.bn2.running_var", "fc.bias"} <= names


def test_a_plain_pickle_is_refused_without_a_remark(tmp_path):
    marker, path = tmp_path / "ran", tmp_path / "weights.pth"
    path.write_bytes(pickle.dumps(Mischief(marker)))  # PyTorch warns of its protocol
    with pytest.raises(UserError, match=r"weights\.pth: holds objects that may run code"):
        load(path, lenet5(), (32, 32, 1))
    assert not marker.exists()


def test_a_truncated_file_is_no_weights_file(tmp_path):
    torch.save(LeNet5().state_dict(), tmp_path / "whole.pth")
    whole = (tmp_path / "whole.pth").read_bytes()
    for length in (0, 10, len(whole) // 2):
        (tmp_path / "w.pth").write_bytes(whole[:length])
        with pytest.raises(UserError, match=r"w\.pth: "):
            load(tmp_path / "w.pth", lenet5(), (32, 32, 1))
