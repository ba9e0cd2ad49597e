"""Photographs on the same generator, with the same rule for luma."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.colorizer import Colorizer, Geometry
from vidcolor.errors import InputError, OutputError, UsageError
from vidcolor.files import check_target, published
from vidcolor.mark import draw_mark
from vidcolor.media.stills import STILL_SUFFIXES, read_still, write_still
from vidcolor.media.stills.exif import turns_of_orientation
from vidcolor.options import ColorizeOptions
from vidcolor.provenance import Provenance

if TYPE_CHECKING:
    from vidcolor.colorizer import Colour
    from vidcolor.media.stills import Still

_SILENT_FORMATS = (".bmp",)
"""Formats that can say nothing of how a picture was made; PNG is as good and can."""
_PREDICTING = threading.Lock()
"""Photographs may be coloured side by side, but a generator serves one at a time."""


@dataclass(frozen=True, slots=True)
class PhotoResult:
    """What came of a photograph."""

    source: Path
    target: Path
    seconds: float
    """Wall-clock time that it took."""
    warnings: tuple[str, ...]
    damaged: bool
    """True if the source was cut off and only part of it could be read."""
    provenance: Provenance
    num_frames: int = 1


def colorize_photo(
    source: Path | str,
    target: Path | str | None = None,
    options: ColorizeOptions | None = None,
    *,
    colorizer: Colorizer | None = None,
) -> PhotoResult:
    """Colour a photograph; size, bit depth, EXIF, ICC profile and resolution stay.

    Args:
        source: JPEG, PNG, TIFF, WebP, BMP, DPX or OpenEXR; it is only ever read.
        target: where the result goes; beside the source if None. Its suffix decides the format.
        options: what is wanted; the defaults of the command line if None.
        colorizer: a loaded generator, to be used again; loaded from the options if None.

    Raises:
        InputError: the source cannot be read.
        UsageError: the target exists, or its format is unknown.
        OutputError: the result cannot be written.
        WeightsError: the generator's weights are missing or damaged.
    """
    source, options = Path(source), options or ColorizeOptions()
    began = time.monotonic()
    if not source.exists():
        raise InputError(f"{source}: no such file")
    path = Path(target) if target else default_target(source)
    if path.suffix.lower() not in STILL_SUFFIXES:
        choices = ", ".join(sorted(STILL_SUFFIXES))
        raise UsageError(f"{path}: cannot write a picture called so; use one of {choices}")
    check_target(path, [source], options.force)
    if options.confidence is not None:
        _check_confidence(options.confidence, (source, path), options.force)
    still, damaged = _read(source, options)
    colorizer = colorizer or Colorizer.of(options)
    provenance = colorizer.provenance(options)
    colour = predict_still(colorizer, still, options.vividness)
    said = [*still.warnings, *_write(path, still, colour, colorizer, options, provenance)]
    if options.confidence is not None:
        _write_confidence(options.confidence, still, colour)
    if still.tint == "colour":
        said.append("the source is in colour already; its own colour is replaced")
    return PhotoResult(
        source=source,
        target=path,
        seconds=time.monotonic() - began,
        warnings=tuple(said),
        damaged=damaged,
        provenance=provenance,
    )


def default_target(source: Path, directory: Path | None = None) -> Path:
    """Where the result goes if nobody says: beside the source, or into `directory`."""
    known = source.suffix.lower() in STILL_SUFFIXES
    suffix = source.suffix if known and source.suffix.lower() not in _SILENT_FORMATS else ".png"
    if directory is not None:
        return directory / (source.stem + suffix)
    return source.with_name(f"{source.stem}.colour{suffix}")


def _read(source: Path, options: ColorizeOptions) -> tuple[Still, bool]:
    """The picture, whole or as much as there is of it; whether it is damaged."""
    try:
        return read_still(source, options.grey_from), False
    except InputError:
        return read_still(source, options.grey_from, allow_damaged=True), True


def predict_still(colorizer: Colorizer, still: Still, vividness: float | None = None) -> Colour:
    """What the generator says of one picture."""
    geometry = Geometry(
        width=still.luma.shape[1],
        height=still.luma.shape[0],
        quarter_turns=turns_of_orientation(still.orientation),
    )
    proxy = colorizer.proxy(still.luma, still.coding, geometry)
    with _PREDICTING:
        return colorizer.predict([proxy], geometry, vividness)[0]


def _write(
    path: Path,
    still: Still,
    colour: Colour,
    colorizer: Colorizer,
    options: ColorizeOptions,
    provenance: Provenance,
) -> tuple[str, ...]:
    """Compose and write; what the format could not hold."""
    cb, cr = colorizer.chroma(colour, still.luma, still.coding, still.matrix)
    if options.mark:  # a grey JPEG's own data can then be copied no more
        luma = draw_mark(still.luma, cb, cr, still.coding, still.matrix)
        still = replace(still, luma=luma, jpeg=None)
    return write_still(path, still, cb, cr, mark=provenance, quality=options.quality)


def _check_confidence(path: Path, taken: tuple[Path, ...], force: bool) -> None:
    """Find out before the work that it cannot be written."""
    import cv2

    check_target(path, taken, force)
    if not cv2.haveImageWriter(path.name.lower()):
        raise UsageError(f"{path}: --confidence of a photo is a picture, such as .png")


def _write_confidence(path: Path, still: Still, colour: Colour) -> None:
    """How sure the generator is, as a grey picture of the source's size."""
    import cv2

    size = (still.luma.shape[1], still.luma.shape[0])
    full = cv2.resize(colour.confidence, size, interpolation=cv2.INTER_LINEAR).reshape(size[::-1])
    codes = np.rint(np.clip(full, 0, 1) * 255).astype(np.uint8)
    done, data = cv2.imencode(path.suffix.lower(), codes)
    if not done:
        raise OutputError(f"{path}: the picture could not be encoded; try .png")
    with published(path) as partial:
        partial.write_bytes(data.tobytes())
