"""Tests of preprocessing: torchvision's sizes, the middle of the picture, the numbers."""

import numpy as np
import pytest
from PIL import Image

from jaxcnn.errors import UserError
from jaxcnn.prediction.preprocessing import IMAGENET_DEVIATION, IMAGENET_MEAN, imagenet, plain, resized
from tests.prediction.files import noise, write


@pytest.mark.parametrize(
    ("size", "expected"),
    [((640, 427), (383, 256)), ((427, 640), (256, 383)), ((1, 1), (256, 256)), ((256, 256), (256, 256))],
)
def test_the_shorter_side_gets_the_size_and_the_other_is_rounded_down(size, expected):
    assert resized(size, 256) == expected


def test_imagenet_s_crop_is_the_middle_of_the_resized_picture(tmp_path):
    path = write(tmp_path / "a.png", noise(300, 400))
    small = Image.open(path).resize((341, 256), Image.Resampling.BILINEAR)
    found = imagenet((224, 224, 3)).pixels(path)
    left = round((341 - 224) / 2)
    assert np.array_equal(found, np.asarray(small)[16:240, left : left + 224])


def test_a_picture_of_the_network_s_size_is_taken_as_it_is(tmp_path):
    array = noise(28, 28, 1)
    assert np.array_equal(plain((28, 28, 1)).pixels(write(tmp_path / "a.png", array))[..., 0], array)


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (427, 640), (3000, 2)])
def test_any_size_gives_the_network_s(shape, tmp_path):
    assert imagenet((224, 224, 3)).pixels(write(tmp_path / "a.png", noise(*shape))).shape == (224, 224, 3)


def test_a_picture_too_long_and_thin_is_refused_before_memory_is_asked_for(tmp_path):
    path = write(tmp_path / "a.png", noise(1, 20_000, 1))
    with pytest.raises(UserError, match="has 5,120,000 x 256 pixels once its shorter side has 256"):
        imagenet((224, 224, 3)).pixels(path)


def test_numbers_are_those_that_the_weights_expect():
    pixels = np.array([[[0, 128, 255]]], np.uint8)
    found = imagenet((1, 1, 3)).normalised(pixels)
    wanted = [(v / 255 - m) / d for v, m, d in zip((0, 128, 255), IMAGENET_MEAN, IMAGENET_DEVIATION, strict=True)]
    assert np.allclose(found[0, 0], wanted, rtol=1e-6)
    assert found.dtype == np.float32
    assert plain((1, 1, 3)).normalised(pixels).tolist() == [[[0.0, float(np.float32(128) / 255), 1.0]]]
