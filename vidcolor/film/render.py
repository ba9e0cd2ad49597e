"""The picture's way through the pipeline: decode, proxy, flow, generate, propagate, compose."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.colour.ycbcr import Coding, recode
from vidcolor.film.pipeline import batched, closed_after, parallel, prefetch
from vidcolor.film.plan import FilmPlan, film_geometry
from vidcolor.film.shot_colour import Predicted, ShotColorist
from vidcolor.film.sights import Analysed, analyse
from vidcolor.mark import draw_mark
from vidcolor.media.original import original_rgb
from vidcolor.media.planes import picture_with_chroma

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from numpy.typing import NDArray

    from vidcolor.colorizer import Colorizer, Colour
    from vidcolor.colour.ycbcr import Plane
    from vidcolor.film.follow import Pins
    from vidcolor.media.planes import VideoFrame
    from vidcolor.media.read import Frame
    from vidcolor.options import ColorizeOptions
    from vidcolor.recolor import Recolorer
    from vidcolor.temporal.shots import Shot

    Array = NDArray[np.float32]

READ_AHEAD_BYTES = 192 * 2**20
"""Decoded frames that may wait before the generator where each is coloured by itself; about half as
many wait behind it."""
MAX_READ_AHEAD = 16
SHORT_QUEUE = 4
"""Frames that wait between two stages where those under way are many already."""
MAX_COMPOSERS = 4
"""Threads that compose pictures; each holds one frame."""


@dataclass(slots=True)
class ColouredFrame:
    """A frame that is ready for the encoder."""

    index: int
    pts: int
    duration: int
    picture: VideoFrame
    colour: Colour
    """What the generator said of it."""


def render(
    plan: FilmPlan,
    frames: Iterator[Frame],
    colorizer: Colorizer,
    options: ColorizeOptions,
    shots: Sequence[Shot],
    recolorer: Recolorer | None = None,
    pins: Pins | None = None,
) -> Generator[ColouredFrame, None, None]:
    """Colour frames, in order, each exactly once.

    Shot by shot along `shots`, which begin with the first frame; each frame by itself where
    `options` say so, or where a recolorer leads them by their own colour.

    Decoding and analysis, flow, the generator, composing, and the caller (the encoder) run in
    threads of their own; short queues between them bound the memory.
    """
    depth = _read_ahead(plan)
    if options.per_frame or recolorer is not None:
        batch = min(options.batch, depth)
        analysed = prefetch(_analyse(plan, frames, colorizer), depth)
        predict = _predict(plan, analysed, colorizer, options, batch, recolorer)
        predicted = prefetch(predict, max(1, depth // 2))
    else:
        geometry = film_geometry(plan.video)
        colorist = ShotColorist(colorizer, shots, geometry, options.vividness, pins)
        analysed = prefetch(_analyse(plan, frames, colorizer), SHORT_QUEUE)
        predicted = prefetch(colorist.colour(analysed), SHORT_QUEUE)

    def finish(item: Predicted) -> ColouredFrame:
        frame = item.frame
        picture = compose(plan, frame, item.colour, colorizer, options)
        return ColouredFrame(frame.index, frame.pts, frame.duration, picture, item.colour)

    workers = min(MAX_COMPOSERS, os.cpu_count() or 1, depth)
    return prefetch(parallel(finish, predicted, workers, workers + 1), 1)


def _read_ahead(plan: FilmPlan) -> int:
    """Frames that fit into the memory set aside for waiting ones."""
    video = plan.video
    size = video.width * video.height * (1 if video.coding.bits <= 8 else 2) * 2
    return int(np.clip(READ_AHEAD_BYTES // max(1, size), 1, MAX_READ_AHEAD))


def _analyse(plan: FilmPlan, frames: Iterator[Frame], colorizer: Colorizer) -> Iterator[Analysed]:
    geometry = film_geometry(plan.video)
    with closed_after(frames):
        for frame in frames:
            yield analyse(frame, colorizer.proxy(frame.luma, plan.video.coding, geometry))


def _predict(
    plan: FilmPlan,
    analysed: Iterator[Analysed],
    colorizer: Colorizer,
    options: ColorizeOptions,
    batch: int,
    recolorer: Recolorer | None,
) -> Iterator[Predicted]:
    geometry = film_geometry(plan.video)
    with closed_after(analysed):
        for group in batched(analysed, batch):
            proxies = [a.proxy for a in group]
            if recolorer is None:
                colours = colorizer.predict(proxies, geometry, options.vividness)
            else:
                size = (proxies[0].shape[1], proxies[0].shape[0])
                originals = [original_rgb(a.frame, plan.video, size) for a in group]
                colours = recolorer.predict(proxies, originals, geometry)
            for a, colour in zip(group, colours, strict=True):
                yield Predicted(a.frame, colour)


def compose(
    plan: FilmPlan, frame: Frame, colour: Colour, colorizer: Colorizer, options: ColorizeOptions
) -> VideoFrame:
    """The frame with chroma: recorded luma, predicted colour, the encoder's pixel format."""
    source, layout, matrix = plan.video.coding, plan.encoder.layout, plan.video.matrix
    cb, cr = colorizer.chroma(
        colour, frame.luma, source, matrix, layout.subsampling, options.saturation
    )
    luma: Plane = frame.luma
    if options.mark:
        luma = draw_mark(luma, cb, cr, source, matrix, layout.subsampling)
    target = Coding(layout.bits, plan.full_range)
    luma = recode(luma, source, target)
    codes = (target.chroma_to_codes(cb), target.chroma_to_codes(cr))
    return picture_with_chroma(frame.picture, layout.name, luma, codes)
