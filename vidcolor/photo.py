"""Photographs on the same generator, with the same rule for luma."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.colorizer import Colorizer, Geometry
from vidcolor.errors import InputError, OutputError, UsageError
from vidcolor.fileio import atomic_output, check_companion, check_target, refuse_overwriting
from vidcolor.hints.hint_set import HintSet, enforce_discs
from vidcolor.hints.io import hints_for_file, load_hints
from vidcolor.hints.photo import hint_set_for_photo
from vidcolor.hints.predict import base_prediction, predict_with_hints
from vidcolor.imaging.orientation import to_displayed
from vidcolor.media.stills import STILL_SUFFIXES, read_still, write_still
from vidcolor.media.stills.exif import turns_of_orientation
from vidcolor.options import ColorizeOptions
from vidcolor.provenance import Provenance
from vidcolor.recolor import NO_COLOR, Recolorer, recolorer_of
from vidcolor.uncertainty import find_regions, review_priority, to_grid
from vidcolor.watermark import draw_watermark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vidcolor.colorizer import ProxyPrediction
    from vidcolor.generators.predictor import HintArrays
    from vidcolor.hints.color_transfer import BasePrediction
    from vidcolor.hints.discs import HintDisc
    from vidcolor.media.stills import Still
    from vidcolor.uncertainty import UncertainRegion

    Array = NDArray[np.float32]

_SILENT_FORMATS = (".bmp",)
"""Formats that can say nothing of how a picture was made; PNG is as good and can."""
_CONFIDENCE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp")
MIRRORED = (2, 4, 5, 7)
"""EXIF orientations of pictures that a viewer mirrors, left to right, once they are turned."""
_PREDICTING = threading.Lock()
"""Photographs may be colored side by side, but a generator serves one at a time."""


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
    size: tuple[int, int] | None = None
    """Width and height as displayed."""
    doubts: tuple[UncertainRegion, ...] | None = None
    """Where the color is least certain; None if the generator cannot tell."""
    num_frames: int = 1


def colorize_photo(
    source: Path | str,
    target: Path | str | None = None,
    options: ColorizeOptions | None = None,
    *,
    colorizer: Colorizer | None = None,
) -> PhotoResult:
    """Color a photograph; size, bit depth, EXIF, ICC profile and resolution stay.

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
    written = [p for p in (path, options.confidence) if p is not None]
    refuse_overwriting(options.also_read(), written)
    options = replace(options, hints=hints_for_file(load_hints(options), source))
    if path.suffix.lower() not in STILL_SUFFIXES:
        choices = ", ".join(sorted(STILL_SUFFIXES))
        raise UsageError(f"{path}: cannot write a picture called so; use one of {choices}")
    check_target(path, [source], options.force)
    if options.confidence is not None:
        _check_confidence(options.confidence, source, path, options.force)
    still, damaged = _read(source, options)
    colorizer = colorizer or Colorizer.of(options)
    colorizer.check(options)
    provenance = colorizer.provenance(options)
    guess = partial(_guess, colorizer=colorizer, vividness=options.vividness)
    known, about = hint_set_for_photo(still, options, guess)
    recolorer = recolorer_of(colorizer, options)
    if recolorer is None:
        color = predict_still(colorizer, still, options.vividness, known)
    else:
        color, about = _recolor(still, colorizer, recolorer)
    said = [
        *still.warnings,
        *about,
        *_write(path, still, color, colorizer, options, provenance, known.spots),
    ]
    if options.confidence is not None:
        _write_confidence(options.confidence, still, color)
    if still.tint == "color" and recolorer is None:
        said.append("the source is in color already; its own color is replaced")
    return PhotoResult(
        source=source,
        target=path,
        seconds=time.monotonic() - began,
        warnings=tuple(said),
        damaged=damaged,
        provenance=provenance,
        size=_displayed_size(still),
        doubts=_find_doubts(still, color) if colorizer.has_confidence else None,
    )


def default_target(source: Path, directory: Path | None = None) -> Path:
    """Where the result goes if nobody says: beside the source, or into `directory`."""
    known = source.suffix.lower() in STILL_SUFFIXES
    suffix = source.suffix if known and source.suffix.lower() not in _SILENT_FORMATS else ".png"
    if directory is not None:
        return directory / (source.stem + suffix)
    return source.with_name(f"{source.stem}.color{suffix}")


def _read(source: Path, options: ColorizeOptions) -> tuple[Still, bool]:
    """The picture, whole or as much as there is of it; whether it is damaged."""
    read = partial(read_still, source, options.gray_from, own_color=bool(options.trust))
    try:
        return read(), False
    except InputError:
        return read(allow_damaged=True), True


def predict_still(
    colorizer: Colorizer,
    still: Still,
    vividness: float | None = None,
    known: HintSet | None = None,
) -> ProxyPrediction:
    """What the generator says of one picture, led by what is known of it."""
    geometry = _geometry(still)
    proxy = colorizer.proxy(still.luma, still.coding, geometry)

    def predict(hints: HintArrays | None) -> ProxyPrediction:
        with _PREDICTING:
            return colorizer.predict([proxy], geometry, vividness, hints)[0]

    if known is None or known.is_nothing:
        return predict(None)
    return predict_with_hints(predict, known, colorizer.accepts_hints, geometry.quarter_turns).color


def _recolor(
    still: Still, colorizer: Colorizer, recolorer: Recolorer
) -> tuple[ProxyPrediction, tuple[str, ...]]:
    """What the generator says of a picture, led by its own color; and what is to be said."""
    assert still.own_color is not None  # for the type checker: it is read with it
    geometry = _geometry(still)
    proxy = colorizer.proxy(still.luma, still.coding, geometry)
    original = np.ascontiguousarray(geometry.to_upright(still.own_color))
    with _PREDICTING:
        color = recolorer.predict([proxy], [original], geometry)[0]
    return color, () if recolorer.found_color else (NO_COLOR,)


def _geometry(still: Still) -> Geometry:
    return Geometry(
        width=still.luma.shape[1],
        height=still.luma.shape[0],
        quarter_turns=turns_of_orientation(still.orientation),
    )


def _guess(luma: Array, colorizer: Colorizer, vividness: float | None) -> BasePrediction:
    """What the generator says of an upright picture without hints, from its Y' in [0, 1]."""
    proxy = colorizer.proxy_of(luma)
    geometry = Geometry(width=luma.shape[1], height=luma.shape[0])
    with _PREDICTING:
        return base_prediction(colorizer.predict([proxy], geometry, vividness)[0])


def _displayed_size(still: Still) -> tuple[int, int]:
    """Width and height as a viewer shows it."""
    height, width = still.luma.shape
    return (width, height) if still.orientation < 5 else (height, width)


def _find_doubts(still: Still, color: ProxyPrediction) -> tuple[UncertainRegion, ...]:
    """Where a person's word would help most."""
    luma = to_grid(color.proxy, color.confidence.shape)
    maps = [review_priority(color.confidence, color.ab, luma), color.confidence, luma]
    turns = turns_of_orientation(still.orientation)
    maps = [np.rot90(m, turns) for m in maps]
    if still.orientation in MIRRORED:
        maps = [m[:, ::-1] for m in maps]
    width, height = _displayed_size(still)
    need, confidence, luma = (np.ascontiguousarray(m) for m in maps)
    return find_regions(need, confidence, luma, width / height)


def _write(
    path: Path,
    still: Still,
    color: ProxyPrediction,
    colorizer: Colorizer,
    options: ColorizeOptions,
    provenance: Provenance,
    spots: Sequence[HintDisc] = (),
) -> tuple[str, ...]:
    """Compose and write; what luma did not permit, and what the format could not hold."""
    coding, matrix, gain = still.coding, still.matrix, options.saturation
    cb, cr = colorizer.chroma(color, still.luma, coding, matrix, saturation=gain)
    said = enforce_discs(spots, cb, cr, still.luma, coding, matrix, gain)
    if options.mark:  # a gray JPEG's own data can then be copied no more
        luma = draw_watermark(still.luma, cb, cr, still.coding, still.matrix)
        still = replace(still, luma=luma, jpeg=None)
    return said + write_still(path, still, cb, cr, mark=provenance, quality=options.quality)


def _check_confidence(path: Path, source: Path, target: Path, force: bool) -> None:
    """Find out before the work that it cannot be written."""
    check_companion(path, source, target, force)
    if path.suffix.lower() not in _CONFIDENCE_SUFFIXES:
        choices = ", ".join(_CONFIDENCE_SUFFIXES)
        raise UsageError(f"{path}: --confidence of a photo is a picture; use one of {choices}")


def _write_confidence(path: Path, still: Still, color: ProxyPrediction) -> None:
    """How sure the generator is, as a gray picture of the source's size as displayed."""
    import cv2

    size = (still.luma.shape[1], still.luma.shape[0])
    full = cv2.resize(color.confidence, size, interpolation=cv2.INTER_LINEAR).reshape(size[::-1])
    codes = np.rint(np.clip(full, 0, 1) * 255).astype(np.uint8)
    # It cannot say how it is to be turned, so it is.
    upright = np.ascontiguousarray(to_displayed(codes, still.orientation))
    done, data = cv2.imencode(path.suffix.lower(), upright)
    if not done:
        raise OutputError(f"{path}: the picture could not be encoded; try .png")
    with atomic_output(path) as partial:
        partial.write_bytes(data.tobytes())
