"""Colorization of images in memory."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vidcolor.arrays import MATRIX, make_image, make_planes, read_image
from vidcolor.color.ycbcr import ycbcr_to_rgb
from vidcolor.concurrency import batched
from vidcolor.errors import UsageError
from vidcolor.hints.discs import place_hints
from vidcolor.hints.hint_set import HintSet, enforce_discs
from vidcolor.hints.io import load_hints
from vidcolor.hints.predict import HintPredictor
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


class PreparedImage:
    """One image that is colorized again and again while a person changes its hints.

    What does not depend on hints is computed once and kept: the automatic color, and the features
    by which objects are found. Only one thread at a time may use it.
    """

    def __init__(
        self,
        image: Any,
        colorizer: Colorizer,
        *,
        vividness: float | None = None,
        layout: Layout | None = None,
    ) -> None:
        """Read the image; see `Colorizer.prepare`."""
        colorizer.check_options(ColorizeOptions(vividness=vividness))
        self._colorizer = colorizer
        self._format, lumas = read_image(image, layout)
        if self._format.batch is not None and self._format.batch != 1:
            raise UsageError(
                f"hints apply to one image, got {self._format.batch}; colorize them one by one"
            )
        self._luma = lumas[0]
        geometry = Geometry(width=self._format.size[1], height=self._format.size[0])
        proxy = colorizer.make_proxy(self._luma.codes, self._format.coding, geometry)

        def predict(hints: HintArrays | None) -> ProxyPrediction:
            return colorizer.predict([proxy], geometry, vividness, hints)[0]

        self._predictor = HintPredictor(proxy, predict, colorizer)

    def colorize(
        self,
        hints: Sequence[Hint] | Path | str | None = None,
        *,
        saturation: float = 1.0,
        return_confidence: bool = False,
    ) -> Any:
        """Colorize the image with hints; the result is that of `Colorizer.colorize`.

        Args:
            hints: colors at points of the image, or the path of a hint file.
            saturation: gain of the chroma, 0 to 3.
            return_confidence: whether to return the confidence as well.

        Raises:
            UsageError: a hint or an option is not supported.
            InputError: the hint file cannot be read.
        """
        if return_confidence:
            self._colorizer.check_has_confidence()
        options = ColorizeOptions(hints=_check_hints(hints), saturation=saturation)
        result, texts = self.colorize_with_warnings(options)
        _warn(texts, stacklevel=3)
        return tuple(result) if return_confidence else result.image

    def colorize_with_warnings(
        self, options: ColorizeOptions
    ) -> tuple[ColorizedImage, tuple[str, ...]]:
        """Colorize with the hints and the saturation of options; return warnings about hints."""
        fmt = self._format
        discs = _place_hints(options, fmt)
        prediction = self._predictor.predict(HintSet(fmt.size, discs)).hinted
        rgb, texts = compose_image(
            self._colorizer, prediction, self._luma, fmt, options.saturation, discs
        )
        confidence = resize_linear(prediction.confidence, fmt.size)
        return ColorizedImage(make_image(fmt, [rgb]), make_planes(fmt, [confidence])), texts

    def find_hint_masks(self, hints: Sequence[Hint] | Path | str) -> HintMasks:
        """Find the objects that hints lie on; see `Colorizer.find_hint_masks`."""
        fmt = self._format
        discs = _place_hints(ColorizeOptions(hints=_check_hints(hints)), fmt)
        if not discs:
            raise UsageError("hints are empty; give at least one hint")
        objects, masks = self._predictor.find_objects(HintSet(fmt.size, discs))
        planes = [resize_for_scale(mask, fmt.size) for mask in masks]
        colors = tuple(item.discs[0].color for item in objects)
        return HintMasks(make_planes(replace(fmt, batch=len(planes)), planes), colors)


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
    options = options.replace(hints=load_hints(options))
    if options.hints:
        prepared = PreparedImage(image, colorizer, vividness=vividness, layout=layout)
        result, texts = prepared.colorize_with_warnings(options)
        _warn(texts, stacklevel=4)
        return result
    colorizer.check_options(options)
    fmt, lumas = read_image(image, layout)
    images, confidences = [], []
    predictions = _predict(colorizer, lumas, fmt, options)
    for luma, prediction in zip(lumas, predictions, strict=True):
        images.append(compose_image(colorizer, prediction, luma, fmt, options.saturation)[0])
        confidences.append(resize_linear(prediction.confidence, fmt.size))
    return ColorizedImage(make_image(fmt, images), make_planes(fmt, confidences))


def _warn(texts: Sequence[str], stacklevel: int) -> None:
    """Issue warnings; `stacklevel` counts from this function."""
    for text in texts:
        warnings.warn(text, stacklevel=stacklevel)


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
    named = next((hint for hint in hints if hint.file is not None), None)
    if named is not None:
        raise UsageError(f"{named.name}: file applies to photos on disk only; omit it")
    return place_hints(hints, fmt.size)


def _predict(
    colorizer: Colorizer, lumas: Sequence[LumaImage], fmt: ArrayFormat, options: ColorizeOptions
) -> Iterator[ProxyPrediction]:
    """Yield the prediction of each image."""
    geometry = Geometry(width=fmt.size[1], height=fmt.size[0])
    for batch in batched(lumas, options.batch):
        proxies = [colorizer.make_proxy(luma.codes, fmt.coding, geometry) for luma in batch]
        yield from colorizer.predict(proxies, geometry, options.vividness)


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
