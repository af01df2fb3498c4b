"""Image files as 8-bit grey levels or colours, upright, on white where they are transparent.

Sixteen bits per pixel are scaled down (65,535 becomes 255). A file that is no image, is damaged, or would unpack to
more pixels than `MOST_PIXELS` gets one sentence.
"""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from jaxcnn.errors import UserError

MOST_PIXELS = 100_000_000  # 300 MB in colours
MODES = {1: "L", 3: "RGB"}
DAMAGE = (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, struct.error, zlib.error)  # Pillow's ways


def read_image(path: Path, channels: int) -> Image.Image:
    """The picture in a file in grey (1 channel) or colours (3), turned as its EXIF orientation says.

    Raises:
        UserError: no such file, no image, a damaged one, one of too many pixels or of 32 bits per pixel.
    """
    with refusing(path), Image.open(path) as opened:
        check_size(path, opened.size)
        return in_mode(path, ImageOps.exif_transpose(opened), MODES[channels])


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """Whatever is wrong with the file, in a sentence."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # remarks on metadata; size is judged by `check_size`
            yield
    except UserError:
        raise
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise UserError(f"{path}: {error.strerror}; name an image file") from error
    except UnidentifiedImageError as error:
        reason = "is empty" if path.stat().st_size == 0 else "is no image that can be read"
        raise UserError(f"{path}: {reason}; give a JPEG, PNG or another usual format") from error
    except Image.DecompressionBombError as error:
        raise UserError(f"{path}: would unpack to more than {MOST_PIXELS:,} pixels; scale it down first") from error
    except DAMAGE as error:
        raise UserError(f"{path}: the image is damaged or cut short ({error}); save or fetch it again") from error


def check_size(path: Path, size: tuple[int, int], what: str = "") -> None:
    """Refuse a picture of more pixels than memory should be asked for."""
    width, height = size
    if width * height > MOST_PIXELS:
        pixels = f"{width:,} x {height:,} pixels{what}"
        raise UserError(f"{path}: has {pixels}, more than {MOST_PIXELS:,}; crop it or scale it down first")


def in_mode(path: Path, image: Image.Image, mode: str) -> Image.Image:
    """The same picture in 8-bit grey or colours."""
    if image.mode.startswith("I;16"):
        wide = np.asarray(image).astype(np.float32)
        return Image.fromarray(np.rint(wide / 257).astype(np.uint8)).convert(mode)
    if image.mode in ("I", "F"):
        raise UserError(
            f"{path}: has 32 bits per pixel, and black and white are not said; convert it to 8 or 16 bits first"
        )
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image.convert(mode)
