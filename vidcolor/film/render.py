"""Rendering: decode → proxy → generator and propagation → upsampling → watermark → encode.

Every stage is an iterator that runs in a thread of its own. Short queues between the stages bound
the memory.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.color.ycbcr import Coding, recode
from vidcolor.concurrency import batched, close_on_exit, map_in_threads, prefetch
from vidcolor.film.plan import FilmPlan
from vidcolor.media.frames import compose_frame
from vidcolor.media.preview import render_source_rgb
from vidcolor.propagation.flow_frames import AnalysisFrame, make_analysis_frame
from vidcolor.propagation.shot_colorizer import PredictedFrame, ShotColorizer
from vidcolor.watermark import draw_watermark

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from vidcolor.colorizer import Colorizer, ProxyPrediction
    from vidcolor.hints.tracks import HintTracks
    from vidcolor.imaging.types import Plane
    from vidcolor.media.decode import Frame
    from vidcolor.media.frames import VideoFrame
    from vidcolor.options import ColorizeOptions
    from vidcolor.recolor import Recolorer
    from vidcolor.shots.detector import Shot

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


def render_frames(
    plan: FilmPlan,
    frames: Iterator[Frame],
    colorizer: Colorizer,
    options: ColorizeOptions,
    shots: Sequence[Shot],
    recolorer: Recolorer | None = None,
    hint_tracks: HintTracks | None = None,
) -> Generator[RenderedFrame, None, None]:
    """Colorize frames, in order, each exactly once.

    Color is propagated within each shot. With `per_frame`, or with a recolorer, each frame is
    colorized by itself.

    `frames` are the frames of the complete shots `shots`, and are closed at the end. A recolorer
    uses the color of the source as hints. Closing the returned generator ends all threads.
    """
    depth = _choose_queue_depth(plan)
    # The color of the source differs from frame to frame, so a recolorer does not propagate.
    if options.per_frame or recolorer is not None:
        analyzed = prefetch(_analyze(plan, frames, colorizer), depth)
        predictions = _predict_per_frame(
            plan, analyzed, colorizer, options, min(options.batch, depth), recolorer
        )
        predicted = prefetch(predictions, max(1, depth // 2))
    else:
        shot_colorizer = ShotColorizer(
            colorizer, shots, plan.video.geometry, options.vividness, hint_tracks
        )
        analyzed = prefetch(_analyze(plan, frames, colorizer), SHORT_QUEUE_FRAMES)
        predicted = prefetch(shot_colorizer.colorize(analyzed), SHORT_QUEUE_FRAMES)

    def compose(item: PredictedFrame) -> RenderedFrame:
        frame = item.frame
        av_frame = compose_output(plan, frame, item.prediction, colorizer, options)
        return RenderedFrame(frame.index, frame.pts, frame.duration, av_frame, item.prediction)

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
    plan: FilmPlan, frames: Iterator[Frame], colorizer: Colorizer
) -> Iterator[AnalysisFrame]:
    geometry = plan.video.geometry
    with close_on_exit(frames):
        for frame in frames:
            yield make_analysis_frame(
                frame, colorizer.make_proxy(frame.luma, plan.video.coding, geometry)
            )


def _predict_per_frame(
    plan: FilmPlan,
    analyzed: Iterator[AnalysisFrame],
    colorizer: Colorizer,
    options: ColorizeOptions,
    batch_size: int,
    recolorer: Recolorer | None,
) -> Iterator[PredictedFrame]:
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
            for item, prediction in zip(batch, predictions, strict=True):
                yield PredictedFrame(item.frame, prediction)


def compose_output(
    plan: FilmPlan,
    frame: Frame,
    prediction: ProxyPrediction,
    colorizer: Colorizer,
    options: ColorizeOptions,
) -> VideoFrame:
    """Return a frame for the encoder: luma, flags and side data of the source, predicted chroma."""
    source, layout, matrix = plan.video.coding, plan.encoder.layout, plan.video.matrix
    cb, cr = colorizer.make_chroma(
        prediction, frame.luma, source, matrix, layout.subsampling, options.saturation
    )
    luma: Plane = frame.luma
    if options.mark:
        luma = draw_watermark(luma, cb, cr, source, matrix, layout.subsampling)
    target = Coding(layout.bits, plan.full_range)
    # This has no effect if the encoder has the bit depth and the range of the source.
    luma = recode(luma, source, target)
    codes = (target.chroma_to_codes(cb), target.chroma_to_codes(cr))
    return compose_frame(frame.av_frame, layout.name, luma, codes)
