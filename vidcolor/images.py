"""Colorization of images in memory."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vidcolor.arrays import MATRIX, make_image, make_planes, read_image
from vidcolor.color.ycbcr import ycbcr_to_rgb
from vidcolor.concurrency import batched
from vidcolor.errors import UsageError
from vidcolor.hints.discs import place_hints
from vidcolor.hints.hint_set import HintSet, enforce_discs
from vidcolor.hints.io import load_hints
from vidcolor.hints.predict import find_object_masks, predict_with_hints
from vidcolor.imaging.geometry import Geometry
from vidcolor.imaging.resize import resize_for_scale, resize_linear
from vidcolor.options import ColorizeOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vidcolor.arrays import ArrayFormat, Layout, LumaImage
    from vidcolor.colorizer import Colorizer, ProxyPrediction
    from vidcolor.generators.predictor import HintArrays
    from vidcolor.hints.discs import HintDisc
    from vidcolor.imaging.types import FloatArray
    from vidcolor.options import Hint


class ColorizedImage(NamedTuple):
    """The result of `colorize_image`."""

    image: Any
    """R'G'B', of the type, number format, layout and device of the input."""
    confidence: Any
    """Confidence of each pixel, (H, W) or (N, H, W) float32 in [0, 1], in an array or a tensor; 1
    if the generator does not estimate it."""


class HintMasks(NamedTuple):
    """The objects that hints lie on; the result of `Colorizer.find_hint_masks`."""

    masks: Any
    """Probability that a pixel belongs to each object: (K, H, W) float32 in [0, 1], in an array or
    a tensor. Masks may overlap."""
    colors: tuple[str, ...]
    """Color of each of the K objects, as the first hint on the object writes it."""


def colorize_image(
    image: Any,
    colorizer: Colorizer,
    *,
    hints: Sequence[Hint] | Path | str | None = None,
    saturation: float = 1.0,
    vividness: float | None = None,
    layout: Layout | None = None,
) -> ColorizedImage:
    """Colorize an image or a batch in memory; see `Colorizer.colorize`."""
    options = ColorizeOptions(saturation=saturation, vividness=vividness, hints=_check_hints(hints))
    colorizer.check_options(options)
    fmt, lumas = read_image(image, layout)
    discs = _place_hints(options, fmt)
    images, confidences = [], []
    predictions = _predict(colorizer, lumas, fmt, options, discs)
    for luma, prediction in zip(lumas, predictions, strict=True):
        rgb, texts = compose_image(colorizer, prediction, luma, fmt, options.saturation, discs)
        for text in texts:
            warnings.warn(text, stacklevel=3)
        images.append(rgb)
        confidences.append(resize_linear(prediction.confidence, fmt.size))
    return ColorizedImage(make_image(fmt, images), make_planes(fmt, confidences))


def find_hint_masks(
    image: Any,
    colorizer: Colorizer,
    *,
    hints: Sequence[Hint] | Path | str,
    layout: Layout | None = None,
) -> HintMasks:
    """Find the objects that hints lie on; see `Colorizer.find_hint_masks`."""
    options = ColorizeOptions(hints=_check_hints(hints))
    fmt, lumas = read_image(image, layout)
    discs = _place_hints(options, fmt)
    if not discs:
        raise UsageError("hints are empty; give at least one hint")
    geometry = Geometry(width=fmt.size[1], height=fmt.size[0])
    proxy = colorizer.make_proxy(lumas[0].codes, fmt.coding, geometry)
    objects, masks = find_object_masks(HintSet(fmt.size, discs), proxy, colorizer.segmentation)
    planes = [resize_for_scale(mask, fmt.size) for mask in masks]
    colors = tuple(item.discs[0].color for item in objects)
    return HintMasks(make_planes(replace(fmt, batch=len(planes)), planes), colors)


def _check_hints(hints: Any) -> tuple[Hint, ...] | Path | None:
    if hints is None or isinstance(hints, Path):
        return hints
    if isinstance(hints, str):
        return Path(hints)
    if isinstance(hints, list | tuple):
        return tuple(hints)
    raise UsageError(
        "hints must be a list of Hint objects or the path of a hint file, got"
        f" {type(hints).__qualname__}"
    )


def _place_hints(options: ColorizeOptions, fmt: ArrayFormat) -> tuple[HintDisc, ...]:
    hints = load_hints(options)
    if hints and (fmt.batch or 1) > 1:
        raise UsageError(f"hints apply to one image, got {fmt.batch}; colorize them one by one")
    named = next((hint for hint in hints if hint.file is not None), None)
    if named is not None:
        raise UsageError(f"{named.name}: file applies to photos on disk only; omit it")
    return place_hints(hints, fmt.size)


def _predict(
    colorizer: Colorizer,
    lumas: Sequence[LumaImage],
    fmt: ArrayFormat,
    options: ColorizeOptions,
    discs: tuple[HintDisc, ...],
) -> Iterator[ProxyPrediction]:
    """Yield the prediction of each image."""
    geometry = Geometry(width=fmt.size[1], height=fmt.size[0])
    for batch in batched(lumas, options.batch):
        proxies = [colorizer.make_proxy(luma.codes, fmt.coding, geometry) for luma in batch]
        if not discs:
            yield from colorizer.predict(proxies, geometry, options.vividness)
            continue
        predict = partial(_predict_one, colorizer, proxies[0], geometry, options.vividness)
        hints = HintSet(fmt.size, discs)
        yield predict_with_hints(predict, hints, colorizer).hinted


def _predict_one(
    colorizer: Colorizer,
    proxy: FloatArray,
    geometry: Geometry,
    vividness: float | None,
    hints: HintArrays | None,
) -> ProxyPrediction:
    return colorizer.predict([proxy], geometry, vividness, hints)[0]


def compose_image(
    colorizer: Colorizer,
    prediction: ProxyPrediction,
    luma: LumaImage,
    fmt: ArrayFormat,
    saturation: float,
    discs: tuple[HintDisc, ...] = (),
) -> tuple[FloatArray, tuple[str, ...]]:
    """Return R'G'B' with the luma of an image, (H, W, 3) float32, and warnings about hints."""
    coding = fmt.coding
    cb, cr = colorizer.make_chroma(prediction, luma.codes, coding, MATRIX, saturation=saturation)
    texts = enforce_discs(discs, cb, cr, luma.codes, coding, MATRIX, saturation)
    unit = coding.luma_to_unit(luma.codes) if luma.unit is None else luma.unit
    return ycbcr_to_rgb(unit, cb, cr, MATRIX), texts
