"""Stills: single frames of a project in color, without encoding.

A still is predicted with the decisions of its shot. The rendered film differs in three ways: it
propagates color between key frames, it tracks the objects of hints and the color of references from
frame to frame, and it cross-fades the color of dissolves. A still needs the decoded frame only, and
those of the hints and references of its shot.
"""

from __future__ import annotations

import contextlib
from collections import deque
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.color.ycbcr import Coding
from vidcolor.colorizer import ProxyPrediction
from vidcolor.concurrency import single_threaded_opencv
from vidcolor.film.render import compose_output
from vidcolor.film.request import FilmRequest
from vidcolor.film.sources import SegmentReader
from vidcolor.film.titles import choose_title_mode
from vidcolor.imaging.geometry import Geometry, rotate_size
from vidcolor.imaging.guided_filter import GuidedUpsampler
from vidcolor.imaging.overlay import ColorOverlay, composite_overlays
from vidcolor.imaging.resize import resize_area, resize_linear
from vidcolor.imaging.types import FloatArray
from vidcolor.media.decode import Frame
from vidcolor.media.preview import render_rgb, resize_rgb
from vidcolor.media.sequence import find_sequence
from vidcolor.motion.flow import make_flow_input
from vidcolor.project.identity import is_sequence
from vidcolor.project.options import make_options
from vidcolor.project.recent import Recent
from vidcolor.project.render import make_shot_options, make_target
from vidcolor.project.still_frames import ExaminedFrame, Still
from vidcolor.project.still_objects import FoundObjects, ObjectFinder, place_shot_hints
from vidcolor.project.still_references import ReferencePainter
from vidcolor.propagation.propagate import UPSAMPLING_RADIUS
from vidcolor.shots.shot_options import (
    make_model_finder,
    make_saturation_finder,
    make_vividness_finder,
)
from vidcolor.titles.paint import paint_uniform
from vidcolor.titles.shots import Title, make_title_finder
from vidcolor.uncertainty import UncertainRegion, compute_review_priority, find_regions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vidcolor.colorizer import Colorizer
    from vidcolor.film.analysis import FilmAnalysis
    from vidcolor.film.plan import FilmPlan
    from vidcolor.generators.base import ColorDistribution
    from vidcolor.hints.discs import HintDisc
    from vidcolor.imaging.types import Rgb
    from vidcolor.options import ColorizeOptions, Hint
    from vidcolor.project.document import ProjectDocument
    from vidcolor.segmentation.model import EmbeddedImage

_MAX_DECODED, _MAX_ANALYZED = 4, 16
"""Numbers of decoded frames, and of proxies, embeddings and predictions, that are kept."""
_MAX_SKIPPED = 4
"""Number of frames of a film up to which decoding is about as fast as a seek."""


class StillRenderer:
    """Colorizes single frames of one source. Only one thread at a time may use it.

    Recent frames and predictions are kept, so that the next still after a changed hint takes less
    time.
    """

    def __init__(
        self,
        path: Path,
        document: ProjectDocument,
        source: Path,
        analysis: FilmAnalysis,
        colorizer: Colorizer,
    ) -> None:
        """Plan the film as for rendering.

        Args:
            path: the project.
            document: its content, on whose options the plan depends.
            source: the source, as `Project.find_source` returns it.
            analysis: its timestamps, checksums and titles.
            colorizer: the generator.

        Raises:
            VidcolorError: the source cannot be read, or its result cannot be planned.
        """
        self._path, self._analysis, self._colorizer = path, analysis, colorizer
        self.checkpoint: Callable[[], None] = lambda: None
        """Called between steps; what it raises ends a method, which can be called again."""
        options = make_options(document.options, str(path))
        target = make_target(path, document, source)
        sequence = find_sequence(source) if is_sequence(source) else None
        request = FilmRequest(source, target, options, sequence)
        self._plan: FilmPlan = request.make_plan()
        self._source, video = request.make_source(self._plan), self._plan.video
        self._geometry, self._upsample = video.geometry, GuidedUpsampler(UPSAMPLING_RADIUS)
        self._size = rotate_size((video.height, video.width), self._geometry.quarter_turns)
        self._reader: SegmentReader | None = None
        self._next = 0
        self._frames = Recent[Frame](_MAX_DECODED)
        self._proxies = Recent[FloatArray](_MAX_ANALYZED)
        self._distributions: Recent[ColorDistribution | None] = Recent(_MAX_DECODED)
        self._chosen_options: Recent[tuple[ProjectDocument, ColorizeOptions]] = Recent(1)
        self._embeddings: Recent[EmbeddedImage] = Recent(_MAX_ANALYZED)
        self._predictions = Recent[ProxyPrediction](_MAX_ANALYZED)

    @single_threaded_opencv()
    def render(
        self, document: ProjectDocument, index: int, max_size: tuple[int, int] | None = None
    ) -> Still:
        """Colorize a frame with the decisions of a document.

        `max_size` is the maximum width and height in pixels; None for the displayed size.

        Raises:
            InputError: the source has changed.
            UsageError: a hint lies outside the frame.
        """
        discs = self._place_hints(document, index)
        options = self._choose_options(document)
        prediction = self._predict(document, options, index, discs)
        frame, size = self._read(index), self._choose_size(max_size)
        return Still(
            frame=index,
            color=self._compose(options, frame, prediction, size),
            gray=self._make_gray(frame, size),
            regions=self._find_regions(self._select_colorizer(options, index), prediction),
            discs=discs.get(index, ()),
            size=self._size,
        )

    @single_threaded_opencv()
    def render_color(
        self, document: ProjectDocument, index: int, max_size: tuple[int, int] | None = None
    ) -> Rgb:
        """Return `Still.color` only; arguments and errors are those of `render`."""
        discs = self._place_hints(document, index)
        options = self._choose_options(document)
        prediction = self._predict(document, options, index, discs)
        return self._compose(options, self._read(index), prediction, self._choose_size(max_size))

    @single_threaded_opencv()
    def render_gray(self, index: int, max_size: tuple[int, int] | None = None) -> Rgb:
        """Return `Still.gray` only, for which nothing is predicted; arguments as in `render`."""
        return self._make_gray(self._read(index), self._choose_size(max_size))

    @single_threaded_opencv()
    def render_confidence(
        self, document: ProjectDocument, index: int, max_size: tuple[int, int] | None = None
    ) -> Rgb:
        """Return the confidence of the color as gray, white for 1: (H, W, 3) uint8.

        Arguments and errors are those of `render`.

        Raises:
            UsageError: the generator does not estimate its confidence.
        """
        options = self._choose_options(document)
        self._select_colorizer(options, index).check_has_confidence()
        confidence = self.predict(document, index).confidence
        width, height = self._choose_size(max_size)
        gray = np.rint(255 * np.clip(resize_linear(confidence, (height, width)), 0, 1))
        return np.repeat(gray.astype(np.uint8)[..., None], 3, axis=-1)

    @single_threaded_opencv()
    def predict(self, document: ProjectDocument, index: int) -> ProxyPrediction:
        """Return the upright prediction of a frame with its hints, as `render` composes it."""
        options = self._choose_options(document)
        return self._predict(document, options, index, self._place_hints(document, index))

    @single_threaded_opencv()
    def find_objects(
        self, document: ProjectDocument, index: int, hint: Hint | None = None
    ) -> FoundObjects:
        """Find the objects of the hints of a shot in one of its frames.

        Args:
            document, index: as in `render`.
            hint: a further hint in a frame of the same shot, which is seen together with those of
                the document. The last disc of its object is that of this hint.

        Raises:
            InputError: the source has changed.
            UsageError: a hint lies outside the frame.
        """
        discs = self._place_hints(document, index)
        if hint is not None:
            ((frame, placed),) = place_shot_hints([hint], self._size).items()
            discs = dict(sorted({**discs, frame: (*discs.get(frame, ()), *placed)}.items()))
        height, width = self._get_proxy(index).shape
        return self._object_finder.find_masks(index, discs, (height, width))

    def close(self) -> None:
        """Close the source. The next frame opens it again."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _compose(
        self,
        options: ColorizeOptions,
        frame: Frame,
        prediction: ProxyPrediction,
        size: tuple[int, int],
    ) -> Rgb:
        """Return a frame as the film will have it, for `size` = (W, H)."""
        av_frame = compose_output(
            self._plan, frame, self._to_stored(prediction), self._colorizer, options,
            make_saturation_finder(options)(frame.index), self._analysis.burnt_in_text,
        )  # fmt: skip
        return render_rgb(av_frame, self._plan.output_video, size)

    @property
    def colorizer(self) -> Colorizer:
        """The generator."""
        return self._colorizer

    @single_threaded_opencv()
    def examine(self, document: ProjectDocument, index: int) -> ExaminedFrame | None:
        """Return what is known about a frame; None for a title, which gets no color.

        Errors are those of `render`.
        """
        options = self._choose_options(document)
        if self._find_title(document, options, index) is not None:
            return None
        prediction = self._predict(document, options, index, {})
        decided = None if prediction.overlay is None else prediction.overlay.alpha
        # An object that keeps its automatic color is decided as well.
        if discs := {
            number: tuple(replace(disc, ab=disc.ab or (0.0, 0.0)) for disc in placed)
            for number, placed in self._place_hints(document, index).items()
        }:
            height, width = prediction.proxy.shape
            alpha = self._object_finder.paint(index, discs, (height, width)).alpha
            decided = alpha if decided is None else np.maximum(decided, alpha)
        return ExaminedFrame(prediction, self._embed(index), decided)

    def _choose_options(self, document: ProjectDocument) -> ColorizeOptions:
        """Return the options of a document, with those of its shots."""

        def make() -> tuple[ProjectDocument, ColorizeOptions]:
            options = make_options(document.options, str(self._path))
            return document, options.replace(shots=make_shot_options(document))

        # The kept document prevents that another one gets its identity.
        return self._chosen_options.get(id(document), make)[1]

    @single_threaded_opencv()
    def predict_distribution(self, index: int) -> tuple[FloatArray, ColorDistribution | None]:
        """Return the upright proxy of a frame, and the distribution of colors in it.

        The distribution is None if the generator has none; see `Colorizer.predict_distribution`.
        """
        proxy = self._get_proxy(index)
        distribution = self._distributions.get(
            index, lambda: self._colorizer.predict_distribution(proxy)
        )
        return proxy, distribution

    def _read(self, index: int) -> Frame:
        return self._frames.get(index, lambda: self._decode(index))

    def _decode(self, index: int) -> Frame:
        # The source stays open: a frame soon after the last one needs no seek.
        if self._reader is None:
            self._reader, self._next = SegmentReader(self._plan, self._analysis, self._source), 0
        limit = 0 if self._source.sequence else _MAX_SKIPPED
        first = self._next if 0 <= index - self._next <= limit else index
        try:
            with contextlib.closing(self._reader.frames(first, index + 1)) as frames:
                frame, self._next = deque(frames, maxlen=1).pop(), index + 1
        except BaseException:
            self.close()
            raise
        # The luma is a view of a buffer that the decoder shares, and that composition replaces.
        frame.luma = frame.luma.copy()
        return frame

    def _select_colorizer(self, options: ColorizeOptions, index: int) -> Colorizer:
        """Return the colorizer of the shot of a frame."""
        return self._colorizer.models.get(make_model_finder(options)(index))

    def _get_proxy(self, index: int, colorizer: Colorizer | None = None) -> FloatArray:
        """Return the upright proxy of a frame for a colorizer; by default for that of the film."""
        colorizer = colorizer or self._colorizer

        def make() -> FloatArray:
            luma, coding = self._read(index).luma, self._plan.video.coding
            return colorizer.make_proxy(luma, coding, self._geometry)

        return self._proxies.get((index, colorizer.digest), make)

    def _embed(self, index: int) -> EmbeddedImage:
        proxy = self._get_proxy(index)
        self.checkpoint()
        return self._embeddings.get(index, lambda: self._colorizer.segmentation.embed(proxy))

    @cached_property
    def _object_finder(self) -> ObjectFinder:
        return ObjectFinder(self._colorizer.segmentation, self._embed, self._size)

    def _place_hints(
        self, document: ProjectDocument, index: int
    ) -> dict[int, tuple[HintDisc, ...]]:
        """Return the discs of each hinted frame of the shot of a frame."""
        rows = document.get_hints(document.find_shot(index))
        hints = [row.to_hint(f"{self._path}: hint {row.id}") for row in rows]
        return place_shot_hints(hints, self._size)

    @cached_property
    def _reference_painter(self) -> ReferencePainter:
        return ReferencePainter(
            self._plan.video, self._colorizer, self._read, self._get_proxy, self._embed
        )

    def _predict(
        self,
        document: ProjectDocument,
        options: ColorizeOptions,
        index: int,
        discs: dict[int, tuple[HintDisc, ...]],
    ) -> ProxyPrediction:
        """Return the upright prediction of a frame with its title and the objects of its shot."""
        assert isinstance(options.shots, tuple)
        self._colorizer.models.check_shot(options.shots[document.find_shot(index)])
        colorizer = self._select_colorizer(options, index)
        proxy, vividness = self._get_proxy(index, colorizer), None
        if colorizer.has_vividness:
            vividness = make_vividness_finder(options)(index)
        prediction = self._predictions.get(
            (index, vividness, colorizer.digest),
            lambda: self._predict_proxy(colorizer, proxy, vividness),
        )
        if (title := self._find_title(document, options, index)) is not None:
            prediction = paint_uniform(prediction, title.ab, title.confidence)
        overlay = None
        if discs:
            overlay = self._object_finder.paint(index, discs, (proxy.shape[0], proxy.shape[1]))
        if references := self._reference_painter.choose(self._path, document, index):
            below = self._reference_painter.paint(index, references, vividness)
            overlay = below if overlay is None else composite_overlays(overlay, below)
        if overlay is None:
            return prediction
        alpha = resize_linear(overlay.alpha, prediction.confidence.shape)
        confidence = np.maximum(prediction.confidence, alpha)
        return replace(prediction, confidence=confidence, overlay=overlay)

    def _predict_proxy(
        self, colorizer: Colorizer, proxy: FloatArray, vividness: float | None
    ) -> ProxyPrediction:
        """Return the upright prediction of a proxy on the flow grid, as that of a key frame."""
        upright = Geometry(width=proxy.shape[1], height=proxy.shape[0])
        prediction = colorizer.predict([proxy], upright, vividness)[0]
        luma = make_flow_input(proxy).luma
        return replace(
            prediction,
            ab=self._upsample(prediction.ab, luma, luma),
            confidence=resize_linear(prediction.confidence, luma.shape),
        )

    def _find_title(
        self, document: ProjectDocument, options: ColorizeOptions, index: int
    ) -> Title | None:
        """Return the title of a frame: as a person states the kind of its shot, or as analyzed."""
        kind = document.shots[document.find_shot(index)].kind
        if kind == "picture" or choose_title_mode(options) == "color":
            return None
        found = make_title_finder(self._analysis.titles)(index)
        if kind == "title":
            return replace(found or Title(index, index + 1, 1.0), confidence=1.0)
        return found

    def _find_regions(
        self, colorizer: Colorizer, prediction: ProxyPrediction
    ) -> tuple[UncertainRegion, ...]:
        if not colorizer.has_confidence:
            return ()
        confidence = prediction.confidence
        luma = resize_area(prediction.proxy, confidence.shape)
        priority = compute_review_priority(confidence, prediction.ab, luma)
        return find_regions(priority, confidence, luma, self._geometry.display_aspect)

    def _to_stored(self, prediction: ProxyPrediction) -> ProxyPrediction:
        """Return an upright prediction in the orientation of the stored pixels."""

        def turn(planes: FloatArray) -> FloatArray:
            return np.ascontiguousarray(self._geometry.to_stored(planes))

        overlay = prediction.overlay
        return ProxyPrediction(
            turn(prediction.ab),
            turn(prediction.confidence),
            turn(prediction.proxy),
            None if overlay is None else ColorOverlay(turn(overlay.ab), turn(overlay.alpha)),
        )

    def _make_gray(self, frame: Frame, size: tuple[int, int]) -> Rgb:
        unit = self._plan.video.coding.luma_to_unit(frame.luma)
        codes = Coding(8, full_range=True).unit_to_luma(unit)
        gray = resize_rgb(np.ascontiguousarray(self._geometry.to_upright(codes)), size)
        return np.repeat(gray[..., None], 3, axis=-1)

    def _choose_size(self, max_size: tuple[int, int] | None) -> tuple[int, int]:
        """Return the width and height of a still, not above those of the displayed frame."""
        width, height = self._plan.video.displayed_size
        if max_size is None:
            return width, height
        factor = min(1.0, max_size[0] / width, max_size[1] / height)
        return max(1, round(width * factor)), max(1, round(height * factor))
