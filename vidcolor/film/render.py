"""Rendering: decode → proxy → generator and propagation → upsampling → watermark → encode.

Every stage is an iterator that runs in a thread of its own. Short queues between the stages bound
the memory.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vidcolor.color.ycbcr import Coding, recode
from vidcolor.concurrency import batched, close_on_exit, map_in_threads, prefetch
from vidcolor.film.parts import RenderState
from vidcolor.film.plan import FilmPlan
from vidcolor.film.titles import choose_title_mode
from vidcolor.media.frames import compose_frame
from vidcolor.media.preview import render_source_rgb
from vidcolor.propagation.flow_frames import AnalysisFrame, make_analysis_frame
from vidcolor.propagation.propagate import PropagationState
from vidcolor.propagation.shot_colorizer import PredictedFrame, ShotColorizer
from vidcolor.shots.shot_options import (
    make_model_finder,
    make_saturation_finder,
    make_vividness_finder,
)
from vidcolor.titles.burnt_in_paint import remove_text_chroma
from vidcolor.titles.paint import paint_uniform
from vidcolor.titles.shots import make_title_finder
from vidcolor.watermark import draw_watermark

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from vidcolor.colorizer import Colorizer, ProxyPrediction
    from vidcolor.hints.overlays import OverlayReader
    from vidcolor.imaging.types import Plane
    from vidcolor.media.decode import Frame
    from vidcolor.media.frames import VideoFrame
    from vidcolor.options import ColorizeOptions
    from vidcolor.recolor import Recolorer
    from vidcolor.shots.detector import Shot
    from vidcolor.shots.shot_options import ModelFinder
    from vidcolor.titles.burnt_in import BurntInText
    from vidcolor.titles.shots import Title, TitleFinder

READ_AHEAD_BYTES = 192 * 2**20
"""Maximum size of the decoded frames that wait for the generator, in bytes, without propagation.
About half as many predicted frames wait for composition."""
MAX_READ_AHEAD_FRAMES = 16
"""Maximum number of these frames, which limits the queue at small frame sizes."""
SHORT_QUEUE_FRAMES = 4
"""Queue length with propagation, which itself holds the frames of several keyframe intervals."""
MAX_COMPOSE_THREADS = 4
"""Maximum number of threads that compose frames. Each thread holds one frame in memory."""


@dataclass(slots=True)
class RenderedFrame:
    """A colorized frame for the encoder."""

    index: int
    pts: int
    """Presentation timestamp, in the source's time base."""
    duration: int
    av_frame: VideoFrame
    """The frame with the luma of the source and the predicted chroma."""
    prediction: ProxyPrediction
    """The prediction for this frame: of the generator, or propagated from key frames."""
    state: RenderState | None = None
    """State from which the frames after this one can be rendered; None for most frames."""


class _StatefulFrame(NamedTuple):
    """A predicted frame with the state from which the frames after it can be rendered."""

    frame: PredictedFrame
    state: RenderState | None


def render_frames(
    plan: FilmPlan,
    frames: Iterator[Frame],
    colorizer: Colorizer,
    options: ColorizeOptions,
    shots: Sequence[Shot],
    recolorer: Recolorer | None = None,
    overlays: OverlayReader | None = None,
    state: RenderState | None = None,
    first: int = 0,
    titles: Sequence[Title] = (),
    texts: Sequence[BurntInText] = (),
) -> Generator[RenderedFrame, None, None]:
    """Colorize frames, in order, each exactly once.

    With a `state`, `frames` starts at its frame, and the frames before `first` are not yielded. The
    others are the same as without it. The caller restores the recolorer.

    Color is propagated within each shot. With `per_frame`, or with a recolorer, each frame is
    colorized by itself.

    `frames` are the frames of the complete shots `shots`, and are closed at the end. A recolorer
    uses the color of the source as hints. The frames of `titles` get uniform color, and the
    burnt-in `texts` none. Closing the returned generator ends all threads.
    """
    depth, find_title = _choose_queue_depth(plan), make_title_finder(titles)
    find_model = make_model_finder(options)
    # The color of the source differs from frame to frame, so a recolorer does not propagate.
    if options.per_frame or recolorer is not None:
        analyzed = prefetch(_analyze(plan, frames, colorizer, find_model), depth)
        predictions = _predict_per_frame(
            plan, analyzed, colorizer, options, min(options.batch, depth), recolorer, find_title
        )
        predicted = prefetch(_skip_frames(predictions, first), max(1, depth // 2))
    else:
        shot_colorizer = ShotColorizer(
            colorizer, shots, plan.video.geometry, make_vividness_finder(options), overlays,
            find_title, find_model,
        )  # fmt: skip
        analyzed = prefetch(_analyze(plan, frames, colorizer, find_model), SHORT_QUEUE_FRAMES)
        predictions = _propagate(shot_colorizer, analyzed, state)
        predicted = prefetch(_skip_frames(predictions, first), SHORT_QUEUE_FRAMES)

    find_saturation = make_saturation_finder(options)

    def compose(item: _StatefulFrame) -> RenderedFrame:
        frame, prediction = item.frame.frame, item.frame.prediction
        saturation = find_saturation(frame.index)
        av_frame = compose_output(plan, frame, prediction, colorizer, options, saturation, texts)
        return RenderedFrame(
            frame.index, frame.pts, frame.duration, av_frame, prediction, item.state
        )

    # Composition upsamples chroma at full size, so several threads share it.
    threads = min(MAX_COMPOSE_THREADS, os.cpu_count() or 1, depth)
    return prefetch(map_in_threads(compose, predicted, threads, threads + 1), 1)


def _choose_queue_depth(plan: FilmPlan) -> int:
    """Return how many decoded frames fit into `READ_AHEAD_BYTES`."""
    video = plan.video
    # Twice the luma: in 4:2:2 there are as many chroma samples as luma samples.
    frame_bytes = video.width * video.height * (1 if video.coding.bits <= 8 else 2) * 2
    return int(np.clip(READ_AHEAD_BYTES // max(1, frame_bytes), 1, MAX_READ_AHEAD_FRAMES))


def _analyze(
    plan: FilmPlan, frames: Iterator[Frame], colorizer: Colorizer, find_model: ModelFinder
) -> Iterator[AnalysisFrame]:
    geometry = plan.video.geometry
    with close_on_exit(frames):
        for frame in frames:
            model = colorizer.models.get(find_model(frame.index))
            yield make_analysis_frame(
                frame, model.make_proxy(frame.luma, plan.video.coding, geometry)
            )


def _skip_frames(frames: Iterator[_StatefulFrame], first: int) -> Iterator[_StatefulFrame]:
    """Leave out the frames before the frame with the index `first`."""
    with close_on_exit(frames):
        yield from (item for item in frames if item.frame.frame.index >= first)


def _propagate(
    shot_colorizer: ShotColorizer, analyzed: Iterator[AnalysisFrame], state: RenderState | None
) -> Iterator[_StatefulFrame]:
    saved = None
    if state is not None:
        saved = PropagationState.from_arrays(state.sections["propagation"])
    predicted = shot_colorizer.colorize(analyzed, state=saved)
    with close_on_exit(predicted):
        for item in predicted:
            current = None
            if item.state is not None:
                sections = {"propagation": item.state.to_arrays()}
                current = RenderState(item.frame.index, sections)
            yield _StatefulFrame(item, current)


def _predict_per_frame(
    plan: FilmPlan,
    analyzed: Iterator[AnalysisFrame],
    colorizer: Colorizer,
    options: ColorizeOptions,
    batch_size: int,
    recolorer: Recolorer | None,
    find_title: TitleFinder,
) -> Iterator[_StatefulFrame]:
    geometry = plan.video.geometry
    with close_on_exit(analyzed):
        for batch in batched(analyzed, batch_size):
            proxies = [item.proxy for item in batch]
            if recolorer is None:
                predictions = colorizer.predict(proxies, geometry, options.vividness)
            else:
                size = (proxies[0].shape[1], proxies[0].shape[0])
                originals = [render_source_rgb(item.frame, plan.video, size) for item in batch]
                predictions = recolorer.predict(proxies, originals, geometry)
            next_frame = batch[-1].frame.index + 1
            sections = {} if recolorer is None else {"recolorer": recolorer.get_state()}
            state = RenderState(next_frame, sections)
            for item, prediction in zip(batch, predictions, strict=True):
                is_last = item is batch[-1]
                if (title := find_title(item.frame.index)) is not None:
                    prediction = paint_uniform(prediction, title.ab, title.confidence)
                frame = PredictedFrame(item.frame, prediction)
                yield _StatefulFrame(frame, state if is_last else None)


def compose_output(
    plan: FilmPlan,
    frame: Frame,
    prediction: ProxyPrediction,
    colorizer: Colorizer,
    options: ColorizeOptions,
    saturation: float,
    texts: Sequence[BurntInText] = (),
) -> VideoFrame:
    """Return a frame for the encoder: luma, flags and side data of the source, predicted chroma.

    `texts` is the burnt-in text of the film.
    """
    source, layout, matrix = plan.video.coding, plan.encoder.layout, plan.video.matrix
    cb, cr = colorizer.make_chroma(
        prediction, frame.luma, source, matrix, layout.subsampling, saturation
    )
    luma: Plane = frame.luma
    if choose_title_mode(options) != "color":
        remove_text_chroma((cb, cr), luma, texts, source, plan.video.geometry, layout.subsampling)
    if options.mark:
        luma = draw_watermark(luma, cb, cr, source, matrix, layout.subsampling)
    target = Coding(layout.bits, plan.encoder.full_range)
    # This has no effect if the encoder has the bit depth and the range of the source.
    luma = recode(luma, source, target)
    codes = (target.chroma_to_codes(cb), target.chroma_to_codes(cr))
    return compose_frame(frame.av_frame, layout.name, luma, codes)
