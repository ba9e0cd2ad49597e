"""Colorization of single photos, from file to file."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.color.tint import measure_mean_tint
from vidcolor.colorizer import Colorizer
from vidcolor.errors import InColorError, InputError, OutputError, UsageError
from vidcolor.fileio import (
    atomic_output,
    check_confidence_target,
    check_inputs_not_overwritten,
    check_source,
    check_target,
    compute_content_digest,
    compute_source_digest,
)
from vidcolor.hints.hint_set import HintSet, enforce_discs
from vidcolor.hints.io import load_hints, select_hints
from vidcolor.hints.predict import HintPredictor, load_photo_hints, make_base_prediction
from vidcolor.imaging.geometry import Geometry, to_displayed
from vidcolor.imaging.resize import resize_area, resize_linear
from vidcolor.media.extensions import make_result_path
from vidcolor.media.stills.formats import STILL_SUFFIXES, find_output_format
from vidcolor.media.stills.registry import read_still, write_still
from vidcolor.options import ColorizeOptions
from vidcolor.provenance import Provenance
from vidcolor.recolor import NO_COLOR_WARNING, Recolorer, make_recolorer
from vidcolor.titles.card import MIN_IMAGE_CONFIDENCE, recognize_image
from vidcolor.titles.paint import paint_uniform
from vidcolor.uncertainty import compute_review_priority, find_regions
from vidcolor.watermark import draw_watermark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.color.tint import Tint
    from vidcolor.colorizer import ProxyPrediction
    from vidcolor.generators.predictor import HintArrays
    from vidcolor.hints.color_transfer import BasePrediction
    from vidcolor.hints.discs import HintDisc
    from vidcolor.imaging.types import FloatArray
    from vidcolor.media.stills.types import Still
    from vidcolor.uncertainty import UncertainRegion


_PREDICTION_LOCK = threading.Lock()
"""Photos can be colorized in several threads, but only one thread at a time may predict."""


@dataclass(frozen=True, slots=True)
class PhotoResult:
    """The result of `colorize_photo`."""

    source: Path
    target: Path
    seconds: float
    """Wall-clock time of the task."""
    warnings: tuple[str, ...]
    damaged: bool
    """Whether the source was truncated and only a part of it could be decoded."""
    provenance: Provenance
    size: tuple[int, int] | None = None
    """Displayed width and height."""
    uncertain_regions: tuple[UncertainRegion, ...] | None = None
    """Regions whose color is least certain; None if the generator does not estimate confidence."""
    title_confidence: float | None = None
    """Confidence that the photo shows text only; None if it was colorized as a picture."""
    tint: Tint | None = None
    """Whether the source is gray, tinted in one hue, or in color."""
    num_frames: int = 1
    """Always 1. The field exists because `FilmResult` has it."""


def colorize_photo(
    source: Path | str,
    target: Path | str | None = None,
    options: ColorizeOptions | None = None,
    *,
    colorizer: Colorizer | None = None,
) -> PhotoResult:
    """Colorize a photo; size, bit depth, EXIF, ICC profile and resolution are preserved.

    Args:
        source: an image in any format of `vidcolor.media.stills.formats.FORMATS`.
        target: output file, whose suffix selects the format; None for a file beside the source.
        options: None for the defaults of the command line.
        colorizer: a colorizer to reuse; None to load the generator that the options name.

    Raises:
        InputError: the source cannot be read.
        InColorError: the photo is in color, and `skip_color` is set.
        UsageError: the target exists, or its format is not supported.
        OutputError: the result cannot be written.
        WeightsError: the weights of the generator are missing or damaged.
    """
    source, options = Path(source), options or ColorizeOptions()
    started = time.monotonic()
    check_source(source)
    target = Path(target) if target else default_target(source)
    check_inputs_not_overwritten(
        options.input_files(), [p for p in (target, options.confidence) if p]
    )
    options = options.replace(hints=select_hints(load_hints(options), source))
    _check_outputs(source, target, options)
    still, damaged = read_photo(source, options)
    if options.skip_color and still.tint == "color":
        raise InColorError(f"{source}: is in color and is left out (--skip-color)")
    colorizer = colorizer or Colorizer.from_options(options)
    colorizer.check_options(options)
    provenance = _describe_source(colorizer.make_provenance(options), source, damaged)
    predict = partial(predict_base, colorizer=colorizer, vividness=options.vividness)
    hints, hint_warnings = load_photo_hints(still, options, predict)
    recolorer = make_recolorer(colorizer, options)
    title_confidence = None
    if recolorer is None:
        prediction = predict_still(colorizer, still, options.vividness, hints)
        # The hints of many colors change the prediction instead of its overlay; they are kept.
        if options.titles != "color" and (hints.is_empty or prediction.overlay is not None):
            prediction, title_confidence = _paint_title(still, prediction)
    else:
        prediction, hint_warnings = _recolor(still, colorizer, recolorer)
    warnings = [*still.warnings, *hint_warnings]
    warnings += _write(target, still, prediction, colorizer, options, provenance, hints.discs)
    if _is_bilevel(still):
        warnings.append("all pixels are black or white, which leave no room for color")
    if still.tint == "color" and recolorer is None:
        warnings.append("the source is already in color; its color is replaced")
    return PhotoResult(
        source=source,
        target=target,
        seconds=time.monotonic() - started,
        warnings=tuple(warnings),
        damaged=damaged,
        provenance=provenance,
        size=still.displayed_size,
        uncertain_regions=(
            _find_uncertain_regions(still, prediction) if colorizer.has_confidence else None
        ),
        title_confidence=title_confidence,
        tint=still.tint,
    )


def default_target(source: Path, directory: Path | None = None) -> Path:
    """Return the default output file of a photo: beside the source, or in `directory`."""
    fmt = STILL_SUFFIXES.get(source.suffix.lower())
    suffix = source.suffix if fmt and fmt.stores_provenance else ".png"
    return make_result_path(source, suffix, directory)


def _check_outputs(source: Path, target: Path, options: ColorizeOptions) -> None:
    """Check before the work that the result and the confidence map can be written."""
    import cv2

    find_output_format(target)
    check_target(target, [source], options.force)
    path = options.confidence
    if path is None:
        return
    check_confidence_target(path, source, target, options.force)
    suffixes = [suffix for suffix in STILL_SUFFIXES if cv2.haveImageWriter(suffix)]
    if path.suffix.lower() not in suffixes:
        choices = ", ".join(suffixes)
        raise UsageError(f"{path}: --confidence of a photo must be an image; use one of {choices}")


def read_photo(source: Path, options: ColorizeOptions) -> tuple[Still, bool]:
    """Return the decoded source, and whether it is damaged."""
    needs_color = bool(options.trust) or options.titles == "tint"
    read = partial(read_still, source, options.gray_from, with_source_rgb=needs_color)
    # Only strict decoding detects damage, so it is tried first.
    try:
        return read(), False
    except InputError:
        return read(allow_damaged=True), True


def _is_bilevel(still: Still) -> bool:
    """Return whether no pixel is between black and white, as in a fax."""
    white = (1 << still.bits) - 1
    # Most images are decided by a few pixels.
    planes = (still.luma[::32, ::32], still.luma)
    return all(bool(((plane == 0) | (plane == white)).all()) for plane in planes)


def _describe_source(provenance: Provenance, source: Path, damaged: bool) -> Provenance:
    assert provenance.settings is not None
    settings = replace(
        provenance.settings,
        source=compute_source_digest([source]),
        content=compute_content_digest(source),
        damaged=damaged,
    )
    return replace(provenance, settings=settings)


def predict_still(
    colorizer: Colorizer, still: Still, vividness: float | None = None, hints: HintSet | None = None
) -> ProxyPrediction:
    """Predict the colors of a photo, optionally with hints."""
    geometry = still.geometry
    proxy = colorizer.make_proxy(still.luma, still.coding, geometry)

    def predict(arrays: HintArrays | None) -> ProxyPrediction:
        with _PREDICTION_LOCK:
            return colorizer.predict([proxy], geometry, vividness, arrays)[0]

    if hints is None or hints.is_empty:
        return predict(None)
    return HintPredictor(proxy, predict, colorizer, geometry.quarter_turns).predict(hints).hinted


def _paint_title(still: Still, prediction: ProxyPrediction) -> tuple[ProxyPrediction, float | None]:
    """Give a photo of text its uniform color; return the confidence of that, or None."""
    confidence = recognize_image(still.luma, still.coding, still.geometry)
    if confidence < MIN_IMAGE_CONFIDENCE:
        return prediction, None
    ab = (0.0, 0.0)
    if still.source_rgb is not None and still.tint != "gray":
        ab = measure_mean_tint(still.source_rgb)
    return paint_uniform(prediction, ab, confidence), confidence


def _recolor(
    still: Still, colorizer: Colorizer, recolorer: Recolorer
) -> tuple[ProxyPrediction, tuple[str, ...]]:
    assert still.source_rgb is not None  # for the type checker: --trust reads it
    geometry = still.geometry
    proxy = colorizer.make_proxy(still.luma, still.coding, geometry)
    original = np.ascontiguousarray(geometry.to_upright(still.source_rgb))
    with _PREDICTION_LOCK:
        (prediction,) = recolorer.predict([proxy], [original], geometry)
    return prediction, () if recolorer.found_color else (NO_COLOR_WARNING,)


def predict_base(luma: FloatArray, colorizer: Colorizer, vividness: float | None) -> BasePrediction:
    """Predict the colors of an upright photo without hints, from its Y' in [0, 1]."""
    proxy = colorizer.make_upright_proxy(luma)
    geometry = Geometry(width=luma.shape[1], height=luma.shape[0])
    with _PREDICTION_LOCK:
        return make_base_prediction(colorizer.predict([proxy], geometry, vividness)[0])


def _find_uncertain_regions(
    still: Still, prediction: ProxyPrediction
) -> tuple[UncertainRegion, ...]:
    confidence = prediction.confidence
    luma = resize_area(prediction.proxy, confidence.shape)
    maps = (compute_review_priority(confidence, prediction.ab, luma), confidence, luma)
    priority, confidence, luma = (
        np.ascontiguousarray(to_displayed(m, still.orientation)) for m in maps
    )
    width, height = still.displayed_size
    return find_regions(priority, confidence, luma, width / height)


def _write(
    target: Path,
    still: Still,
    prediction: ProxyPrediction,
    colorizer: Colorizer,
    options: ColorizeOptions,
    provenance: Provenance,
    discs: Sequence[HintDisc] = (),
) -> tuple[str, ...]:
    """Write the result and the confidence map; return warnings about hints and the format."""
    coding, matrix, gain = still.coding, still.matrix, options.saturation
    cb, cr = colorizer.make_chroma(prediction, still.luma, coding, matrix, saturation=gain)
    warnings = enforce_discs(discs, cb, cr, still.luma, coding, matrix, gain)
    if options.mark:
        # The mark changes luma, so the luma data of a gray JPEG cannot be copied.
        luma = draw_watermark(still.luma, cb, cr, still.coding, still.matrix)
        still = replace(still, luma=luma, jpeg_data=None)
    warnings += write_still(target, still, cb, cr, provenance=provenance, quality=options.quality)
    if options.confidence is not None:
        _write_confidence(options.confidence, still, prediction)
    return warnings


def _write_confidence(path: Path, still: Still, prediction: ProxyPrediction) -> None:
    """Write the confidence as a gray image of the displayed size."""
    import cv2

    full = resize_linear(prediction.confidence, still.luma.shape)
    codes = np.rint(np.clip(full, 0, 1) * 255).astype(np.uint8)
    # The file has no orientation tag, so its pixels are rotated.
    upright = np.ascontiguousarray(to_displayed(codes, still.orientation))
    success, data = cv2.imencode(path.suffix.lower(), upright)
    if not success:
        raise OutputError(f"{path}: the image could not be encoded; try .png")
    with atomic_output(path) as partial:
        partial.write_bytes(data.tobytes())
