"""The picture's way through the pipeline: decode, proxy, flow, generate, propagate, compose."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.color.ycbcr import Coding, recode
from vidcolor.concurrency import batched, closed_after, parallel, prefetch
from vidcolor.film.plan import FilmPlan, film_geometry
from vidcolor.media.frames import picture_with_chroma
from vidcolor.media.original import original_rgb
from vidcolor.propagation.analysis_frame import AnalysisFrame, make_analysis_frame
from vidcolor.propagation.shot_colorizer import PredictedFrame, ShotColorizer
from vidcolor.watermark import draw_watermark

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from numpy.typing import NDArray

    from vidcolor.color.ycbcr import Plane
    from vidcolor.colorizer import Colorizer, ProxyPrediction
    from vidcolor.hints.tracking import HintTracks
    from vidcolor.media.decode import Frame
    from vidcolor.media.frames import VideoFrame
    from vidcolor.options import ColorizeOptions
    from vidcolor.recolor import Recolorer
    from vidcolor.shots.detector import Shot

    Array = NDArray[np.float32]

READ_AHEAD_BYTES = 192 * 2**20
"""Decoded frames that may wait before the generator where each is colored by itself; about half as
many wait behind it."""
MAX_READ_AHEAD = 16
SHORT_QUEUE = 4
"""Frames that wait between two stages where those under way are many already."""
MAX_COMPOSERS = 4
"""Threads that compose pictures; each holds one frame."""


@dataclass(slots=True)
class RenderedFrame:
    """A frame that is ready for the encoder."""

    index: int
    pts: int
    duration: int
    picture: VideoFrame
    color: ProxyPrediction
    """What the generator said of it."""


def render(
    plan: FilmPlan,
    frames: Iterator[Frame],
    colorizer: Colorizer,
    options: ColorizeOptions,
    shots: Sequence[Shot],
    recolorer: Recolorer | None = None,
    pins: HintTracks | None = None,
) -> Generator[RenderedFrame, None, None]:
    """Color frames, in order, each exactly once.

    Shot by shot along `shots`, which begin with the first frame; each frame by itself where
    `options` say so, or where a recolorer leads them by their own color.

    Decoding and analysis, flow, the generator, composing, and the caller (the encoder) run in
    threads of their own; short queues between them bound the memory.
    """
    depth = _read_ahead(plan)
    if options.per_frame or recolorer is not None:
        batch = min(options.batch, depth)
        analyzed = prefetch(_analyze(plan, frames, colorizer), depth)
        predict = _predict(plan, analyzed, colorizer, options, batch, recolorer)
        predicted = prefetch(predict, max(1, depth // 2))
    else:
        geometry = film_geometry(plan.video)
        colorist = ShotColorizer(colorizer, shots, geometry, options.vividness, pins)
        analyzed = prefetch(_analyze(plan, frames, colorizer), SHORT_QUEUE)
        predicted = prefetch(colorist.color(analyzed), SHORT_QUEUE)

    def finish(item: PredictedFrame) -> RenderedFrame:
        frame = item.frame
        picture = compose(plan, frame, item.color, colorizer, options)
        return RenderedFrame(frame.index, frame.pts, frame.duration, picture, item.color)

    workers = min(MAX_COMPOSERS, os.cpu_count() or 1, depth)
    return prefetch(parallel(finish, predicted, workers, workers + 1), 1)


def _read_ahead(plan: FilmPlan) -> int:
    """Frames that fit into the memory set aside for waiting ones."""
    video = plan.video
    size = video.width * video.height * (1 if video.coding.bits <= 8 else 2) * 2
    return int(np.clip(READ_AHEAD_BYTES // max(1, size), 1, MAX_READ_AHEAD))


def _analyze(
    plan: FilmPlan, frames: Iterator[Frame], colorizer: Colorizer
) -> Iterator[AnalysisFrame]:
    geometry = film_geometry(plan.video)
    with closed_after(frames):
        for frame in frames:
            yield make_analysis_frame(
                frame, colorizer.proxy(frame.luma, plan.video.coding, geometry)
            )


def _predict(
    plan: FilmPlan,
    analyzed: Iterator[AnalysisFrame],
    colorizer: Colorizer,
    options: ColorizeOptions,
    batch: int,
    recolorer: Recolorer | None,
) -> Iterator[PredictedFrame]:
    geometry = film_geometry(plan.video)
    with closed_after(analyzed):
        for group in batched(analyzed, batch):
            proxies = [a.proxy for a in group]
            if recolorer is None:
                colors = colorizer.predict(proxies, geometry, options.vividness)
            else:
                size = (proxies[0].shape[1], proxies[0].shape[0])
                originals = [original_rgb(a.frame, plan.video, size) for a in group]
                colors = recolorer.predict(proxies, originals, geometry)
            for a, color in zip(group, colors, strict=True):
                yield PredictedFrame(a.frame, color)


def compose(
    plan: FilmPlan,
    frame: Frame,
    color: ProxyPrediction,
    colorizer: Colorizer,
    options: ColorizeOptions,
) -> VideoFrame:
    """The frame with chroma: recorded luma, predicted color, the encoder's pixel format."""
    source, layout, matrix = plan.video.coding, plan.encoder.layout, plan.video.matrix
    cb, cr = colorizer.chroma(
        color, frame.luma, source, matrix, layout.subsampling, options.saturation
    )
    luma: Plane = frame.luma
    if options.mark:
        luma = draw_watermark(luma, cb, cr, source, matrix, layout.subsampling)
    target = Coding(layout.bits, plan.full_range)
    luma = recode(luma, source, target)
    codes = (target.chroma_to_codes(cb), target.chroma_to_codes(cr))
    return picture_with_chroma(frame.picture, layout.name, luma, codes)
