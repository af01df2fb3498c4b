"""Tests of reading pictures: every kind of pixel, every kind of damage."""

from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

from jaxcnn.errors import UserError
from jaxcnn.prediction.images import MOST_PIXELS, read_image
from tests.prediction.files import bomb, noise, write


def pixels(path, channels=3):
    return np.asarray(read_image(path, channels))


def test_colours_are_read_as_they_are(tmp_path):
    array = noise(5, 7)
    assert np.array_equal(pixels(write(tmp_path / "a.png", array)), array)


def test_grey_becomes_colours_and_colours_become_grey(tmp_path):
    grey = noise(5, 7, 1)
    path = write(tmp_path / "grey.png", grey)
    assert np.array_equal(pixels(path), np.repeat(grey[..., None], 3, axis=2))
    assert np.array_equal(pixels(path, 1), grey)
    red = np.zeros((1, 1, 3), np.uint8)
    red[..., 0] = 255
    assert pixels(write(tmp_path / "red.png", red), 1).tolist() == [[76]]  # ITU-R 601: 0.299 red


def test_sixteen_bits_are_scaled_and_not_cut(tmp_path):
    path = write(tmp_path / "deep.png", np.array([[0, 257, 25700, 65535]], np.uint16))
    assert pixels(path, 1).tolist() == [[0, 1, 100, 255]]
    assert pixels(path)[0, 2].tolist() == [100, 100, 100]


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_pixels_are_white(mode, tmp_path):
    image = Image.fromarray(np.array([[[0, 0, 0, 0], [0, 0, 0, 255], [0, 0, 0, 127]]], np.uint8), "RGBA")
    path = tmp_path / "a.png"
    if mode == "P":
        image.quantize(3).save(path)
    else:
        image.convert(mode).save(path)
    assert pixels(path)[0, :, 0].tolist() == [255, 0, 128]


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "1", "P"])
def test_other_modes_are_converted(mode, tmp_path):
    path = tmp_path / "a.tif"
    Image.new("RGB", (2, 2), "white").convert(mode).save(path)
    assert pixels(path).tolist() == [[[255] * 3] * 2] * 2


@pytest.mark.parametrize("suffix", ["jpg", "png"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_upright(suffix, orientation, tmp_path):
    upright = np.zeros((16, 24), np.uint8)
    upright[:8, :8] = 255  # bright in its upper left
    turned = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].T,
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = write(tmp_path / f"a.{suffix}", np.ascontiguousarray(turned), exif=exif)
    found = pixels(path, 1)
    assert found.shape == (16, 24)
    assert found[4, 4] > 200
    assert found[12, 4] < 50
    assert found[4, 20] < 50


def test_one_pixel_and_many(tmp_path):
    assert pixels(write(tmp_path / "one.png", noise(1, 1))).shape == (1, 1, 3)
    Image.new("1", (8000, 8000), 1).save(tmp_path / "large.png")
    assert read_image(tmp_path / "large.png", 1).size == (8000, 8000)


@pytest.mark.parametrize("suffix", ["jpg", "png", "gif", "tif", "webp"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
def test_a_truncated_file_is_one_sentence(suffix, share, tmp_path):
    path = write(tmp_path / f"a.{suffix}", noise(64, 64))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(UserError, match=rf"a\.{suffix}: (the image is damaged or cut short|is no image)") as caught:
        read_image(path, 3)
    assert "\n" not in str(caught.value)


def test_a_flipped_byte_in_a_png_is_damage_and_no_crash(tmp_path):
    path = write(tmp_path / "a.png", noise(16, 16))
    whole = path.read_bytes()
    for position in range(8, len(whole), 37):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 255]) + whole[position + 1 :])
        with suppress(UserError):  # whatever else is raised would be a traceback on the terminal
            assert read_image(path, 3).mode == "RGB"


def test_what_is_no_image_is_named(tmp_path):
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("a picture of a dog")
    for name, message in (
        ("empty.jpg", "is empty"),
        ("text.jpg", "is no image that can be read"),
        ("absent.jpg", "No such file or directory; name an image file"),
        (".", "Is a directory; name an image file"),
    ):
        with pytest.raises(UserError, match=message):
            read_image(tmp_path / name, 3)


@pytest.mark.parametrize(
    ("width", "height", "message"),
    [
        (20_000, 20_000, "would unpack to more than"),
        (12_000, 12_000, "has 12,000 x 12,000 pixels, more than 100,000,000"),
    ],
    ids=["Pillow's limit", "ours"],
)
def test_a_decompression_bomb_is_not_unpacked(width, height, message, tmp_path):
    with pytest.raises(UserError, match=message):
        read_image(bomb(tmp_path / "a.png", width, height), 3)
    assert width * height > MOST_PIXELS


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_pixels_without_a_white_are_refused(dtype, tmp_path):
    path = write(tmp_path / "a.tif", np.ones((2, 2), dtype))
    with pytest.raises(UserError, match="has 32 bits per pixel"):
        read_image(path, 1)
