import json

from benchmarks import regions


def test_a_case_is_measured_and_shown() -> None:
    found = json.loads(json.dumps(regions.measure(regions.Case((6,), 2, compared=True))))
    assert found["network"] == "6 x 1"
    assert 2 <= found["regions"] <= 1 + 6 + 15
    assert min(found["seconds"], found["with_maps"], found["peak_bytes"]) > 0
    assert regions.table([found]).row_count == 1


def test_networks_are_drawn_in_single_precision_from_their_seed() -> None:
    (kernel, bias), *_ = regions.mlp((5, 3), seed=1)
    assert (kernel.shape, bias.shape, kernel.dtype) == ((2, 5), (5,), "float32")
    assert (kernel == regions.mlp((5, 3), seed=1)[0][0]).all()
