"""A photo in the compute process: decoded once, encoded once, colorized at every click.

The steps and the functions are those of `vidcolor.photo.colorize_photo`; only what does not change
between clicks is kept.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from vidcolor.colorizer import ProxyPrediction
from vidcolor.hints.discs import place_hints
from vidcolor.hints.hint_set import HintSet
from vidcolor.hints.predict import HintPredictor, load_photo_hints
from vidcolor.imaging.resize import resize_area
from vidcolor.media.stills.types import StillMetadata
from vidcolor.options import ColorizeOptions, Hint, Reference
from vidcolor.photo import predict_base, read_photo
from vidcolor.studio.photos.segmentation import PhotoSegmentation
from vidcolor.titles.card import MIN_IMAGE_CONFIDENCE, recognize_image
from vidcolor.titles.paint import paint_uniform

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import ThreadPoolExecutor

    from vidcolor.colorizer import Colorizer
    from vidcolor.generators.base import ColorDistribution
    from vidcolor.generators.predictor import HintArrays
    from vidcolor.hints.color_transfer import TransferredColor
    from vidcolor.hints.discs import HintDisc
    from vidcolor.imaging.types import FloatArray, Plane
    from vidcolor.media.stills.types import Still
    from vidcolor.segmentation.model import EmbeddedImage, SegmentationModel

NETWORK_BYTES_PER_PIXEL = 400
"""Memory of encoded features, embedding and distribution, in bytes for each pixel of the proxy."""
_MAX_VIEWS, _MAX_PREDICTIONS, _MAX_PREDICTORS, _MAX_REFERENCES = 4, 8, 3, 2
"""Numbers of reduced lumas, predictions, values of vividness and references that are kept."""


class HintValue(NamedTuple):
    """A hint of a photo; see `decisions.PhotoHint`."""

    x: float
    y: float
    color: str
    radius: float | None = None


@dataclass(frozen=True, slots=True)
class PhotoDecisions:
    """What the compute process needs of the decisions about a photo."""

    hints: tuple[HintValue, ...] = ()
    vividness: float | None = None
    saturation: float = 1.0
    reference: Path | None = None
    """The picture whose colors the photo gets."""

    @classmethod
    def from_payload(cls, payload: dict[str, Any]) -> PhotoDecisions:
        """Read the form in which the server sends them."""
        reference = payload.get("reference")
        return cls(
            tuple(HintValue(*hint) for hint in payload.get("hints", ())),
            payload.get("vividness"),
            payload.get("saturation", 1.0),
            None if reference is None else Path(reference),
        )

    def to_options(self, **others: Any) -> ColorizeOptions:
        """Return the options with which `colorize_photo` gives the same result."""
        return ColorizeOptions(
            hints=make_hints(self.hints) or None,
            references=() if self.reference is None else (Reference(path=self.reference),),
            vividness=self.vividness,
            saturation=self.saturation,
            **others,
        )


@dataclass(frozen=True, slots=True)
class PhotoPrediction:
    """The color of a photo at the resolution of the generator."""

    prediction: ProxyPrediction
    """With hints and titles, in the orientation of the stored pixels."""
    discs: tuple[HintDisc, ...]
    """The hints, in stored pixels."""


class PreparedPhoto:
    """A photo that is colorized again and again. Only one thread at a time may use it."""

    def __init__(
        self,
        path: Path,
        colorizer: Colorizer,
        get_threads: Callable[[], ThreadPoolExecutor],
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """Decode the photo; everything else is computed when it is first needed.

        Args:
            path: the file.
            colorizer: the generator.
            get_threads: returns threads that run the segmentation model on several objects.
            check: called between steps; it may raise an exception.

        Raises:
            InputError: the file is missing, damaged, not an image or too large.
        """
        still, self.is_damaged = read_photo(path, ColorizeOptions())
        metadata = StillMetadata(icc=still.metadata.icc)
        self.still: Still = replace(still, metadata=metadata, jpeg_data=None)
        self.colorizer, self._get_threads, self._check = colorizer, get_threads, check
        self._views: OrderedDict[tuple[int, int], Plane] = OrderedDict()
        self._predictions: OrderedDict[PhotoDecisions, PhotoPrediction] = OrderedDict()
        self._predictors: OrderedDict[float | None, HintPredictor] = OrderedDict()
        self._references: OrderedDict[Any, TransferredColor | None] = OrderedDict()
        self.composed: OrderedDict[Any, Any] = OrderedDict()
        """Pictures that were composed last; see `views`."""

    @property
    def nbytes(self) -> int:
        """Size of what is kept, in bytes."""
        planes = [self.still.luma, *self._views.values()]
        if self.still.alpha is not None:
            planes.append(self.still.alpha)
        size = sum(int(plane.nbytes) for plane in planes)
        size += sum(int(picture.nbytes) for picture in self.composed.values())
        if "proxy" in vars(self):
            size += int(self.proxy.size) * NETWORK_BYTES_PER_PIXEL
            size += self.segmentation.nbytes
        return size

    @cached_property
    def proxy(self) -> Any:
        """Upright Y' at the size of the generator: (H', W') float32 in [0, 1]."""
        return self.colorizer.make_proxy(self.still.luma, self.still.coding, self.still.geometry)

    @cached_property
    def segmentation(self) -> PhotoSegmentation:
        """The segmentation model for this photo."""
        return PhotoSegmentation(self.colorizer.segmentation, self._get_threads(), self._check)

    @property
    def embedding(self) -> EmbeddedImage:
        """The embedding by which objects are found."""
        return self.segmentation.embed(self.proxy)

    @cached_property
    def _frame(self) -> Any:
        return self.colorizer.prepare_proxy(self.proxy)

    @cached_property
    def distribution(self) -> ColorDistribution | None:
        """The distribution of colors without hints; None if the generator has none."""
        distribution: ColorDistribution | None = self._frame.predict_distribution()
        return distribution

    @cached_property
    def _title_confidence(self) -> float:
        still = self.still
        return recognize_image(still.luma, still.coding, still.geometry)

    def get_luma(self, shape: tuple[int, int]) -> Plane:
        """Return the luma at a size, in the stored orientation and at the depth of the source."""
        if shape == self.still.luma.shape:
            return self.still.luma
        if shape not in self._views:
            self._views[shape] = resize_area(self.still.luma, shape)
        self._views.move_to_end(shape)
        while len(self._views) > _MAX_VIEWS:
            self._views.popitem(last=False)
        return self._views[shape]

    def predict(self, decisions: PhotoDecisions) -> PhotoPrediction:
        """Predict the color with decisions; the saturation has no effect here.

        Raises:
            InputError: the reference cannot be read.
            UsageError: a hint or the vividness is not supported.
        """
        key = replace(decisions, saturation=1.0)
        if key not in self._predictions:
            self._predictions[key] = self._predict(key)
        self._predictions.move_to_end(key)
        while len(self._predictions) > _MAX_PREDICTIONS:
            self._predictions.popitem(last=False)
        return self._predictions[key]

    def _predict(self, decisions: PhotoDecisions) -> PhotoPrediction:
        self.colorizer.check_options(ColorizeOptions(vividness=decisions.vividness))
        still = self.still
        discs = place_hints(make_hints(decisions.hints), still.luma.shape, still.orientation)
        transferred = self._transfer(decisions)
        hints = HintSet(still.luma.shape, discs, transferred)
        predictor = self.get_predictor(decisions.vividness)
        prediction = predictor.base if hints.is_empty else predictor.predict(hints).hinted
        # As for files, the hints of many colors change the prediction instead of its overlay.
        if hints.is_empty or prediction.overlay is not None:
            confidence = self._title_confidence
            if confidence >= MIN_IMAGE_CONFIDENCE:
                prediction = paint_uniform(prediction, (0.0, 0.0), confidence)
        return PhotoPrediction(prediction, discs)

    def get_base(self, decisions: PhotoDecisions) -> ProxyPrediction:
        """Return the prediction without hints, in the orientation of the stored pixels."""
        return self.get_predictor(decisions.vividness).base

    def get_upright_base(self, decisions: PhotoDecisions) -> ProxyPrediction:
        """Return the prediction without hints, rotated as the proxy."""
        base = self.get_base(decisions)
        ab, confidence, _ = (
            np.ascontiguousarray(np.rot90(plane, self.still.geometry.quarter_turns, axes=(-2, -1)))
            for plane in (base.ab, base.confidence, base.proxy)
        )
        return ProxyPrediction(ab, confidence, self.proxy)

    @property
    def adapter(self) -> Colorizer:
        """A colorizer for `HintPredictor` and `PlaceFinder`, which keeps results for this photo."""
        return cast("Colorizer", _PhotoColorizer(self))  # it has all that these two use

    def get_predictor(self, vividness: float | None) -> HintPredictor:
        """Return the predictor for a vividness."""
        if vividness not in self._predictors:
            self._predictors[vividness] = HintPredictor(
                self.proxy,
                partial(self._predict_color, vividness),
                self.adapter,
                self.still.geometry.quarter_turns,
            )
        self._predictors.move_to_end(vividness)
        while len(self._predictors) > _MAX_PREDICTORS:
            self._predictors.popitem(last=False)
        return self._predictors[vividness]

    def _predict_color(self, vividness: float | None, hints: HintArrays | None) -> ProxyPrediction:
        """Predict the color as `Colorizer.predict`, from the encoded photo."""
        if vividness is None:
            vividness = self.colorizer.vividness
        ab, confidence = self._frame.predict(hints, vividness)
        to_stored = self.still.geometry.to_stored
        return ProxyPrediction(
            np.ascontiguousarray(to_stored(ab[0])),
            np.ascontiguousarray(to_stored(confidence[0])),
            np.ascontiguousarray(to_stored(self.proxy)),
        )

    def _transfer(self, decisions: PhotoDecisions) -> TransferredColor | None:
        """Return the color of the reference, which is matched with the photo once."""
        if decisions.reference is None:
            return None
        key = decisions.reference, decisions.vividness
        if key not in self._references:
            predict = partial(predict_base, colorizer=self.colorizer, vividness=decisions.vividness)
            options = replace(decisions, hints=()).to_options()
            hints, _ = load_photo_hints(self.still, options, predict)
            self._references[key] = hints.transferred
        self._references.move_to_end(key)
        while len(self._references) > _MAX_REFERENCES:
            self._references.popitem(last=False)
        return self._references[key]


class _PhotoColorizer:
    """What `HintPredictor` and `PlaceFinder` need of a colorizer."""

    def __init__(self, photo: PreparedPhoto) -> None:
        self.accepts_hints = photo.colorizer.accepts_hints
        self._photo = photo

    @property
    def segmentation(self) -> SegmentationModel:
        return cast("SegmentationModel", self._photo.segmentation)

    def predict_distribution(self, proxy: FloatArray) -> ColorDistribution | None:
        return self._photo.distribution


def make_hints(hints: tuple[HintValue, ...]) -> tuple[Hint, ...]:
    """Return hints for the engine, whose names in messages are their numbers."""
    return tuple(
        Hint(
            x=float(hint.x),
            y=float(hint.y),
            color=hint.color,
            radius=hint.radius,
            unit="fraction",
            name=f"hint {number}",
        )
        for number, hint in enumerate(hints, 1)
    )
