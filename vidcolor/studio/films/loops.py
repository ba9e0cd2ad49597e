"""Loops: small films of one shot that browsers play, in color and in gray.

Every player shows H.264 in limited range with 4:2:0 subsampling. Browsers without H.264, such as
some builds of Chromium, play VP9. Frames are never dropped or repeated, so frame n of a loop is
frame n of the shot.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.color.ycbcr import Coding
from vidcolor.concurrency import single_threaded_opencv
from vidcolor.fileio import temporary_path
from vidcolor.imaging.geometry import rotate_size
from vidcolor.media.containers import CONTAINERS
from vidcolor.media.encoder_plan import EncoderRequest, plan_encoder
from vidcolor.media.frames import get_pixel_layout, read_luma
from vidcolor.media.preview import describe_preview, make_yuv_frame, render_rgb, resize_rgb
from vidcolor.media.writer import VideoWriter
from vidcolor.progress import Progress
from vidcolor.studio.films.shot_frames import render_shot

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from vidcolor.colorizer import Colorizer
    from vidcolor.film.plan import FilmPlan
    from vidcolor.film.render import RenderedFrame
    from vidcolor.imaging.types import Rgb
    from vidcolor.options import ColorizeOptions
    from vidcolor.progress import ProgressCallback
    from vidcolor.project.api import Project
    from vidcolor.studio.films.paths import LoopView

MAX_HEIGHT, MAX_WIDTH = 640, 1600
"""Maximum size of a loop, in pixels."""
KEY_INTERVAL = 12
"""Distance of the key frames, so that stepping through a loop is fast."""
ENCODERS: Mapping[str, EncoderRequest] = {
    ".mp4": EncoderRequest(
        encoder="libx264",
        options=(("crf", "20"), ("preset", "veryfast"), ("g", str(KEY_INTERVAL)), ("bf", "0")),
        pix_fmt="yuv420p",
    ),
    ".webm": EncoderRequest(
        encoder="libvpx-vp9",
        options=(
            ("crf", "28"), ("b", "0"), ("deadline", "realtime"), ("cpu-used", "8"),
            ("row-mt", "1"), ("g", str(KEY_INTERVAL)),
        ),
        pix_fmt="yuv420p",
    ),
}  # fmt: skip
"""Encoders of loops, by suffix."""
_MUXERS = {".mp4": "mp4", ".webm": "webm"}


@single_threaded_opencv()
def write_loops(
    project: Project,
    index: int,
    targets: Mapping[tuple[LoopView, str], Path],
    run: ColorizeOptions,
    colorizer: Colorizer,
    progress: ProgressCallback,
) -> list[float]:
    """Write the loops of the shot with an index, from 0; return the time of each frame in them.

    Args:
        project: the project.
        index: index of the shot.
        targets: path of each loop, by view and suffix. Existing files are replaced atomically.
        run: options of the run, such as `device`.
        colorizer: the generator.
        progress: called after every frame.

    Returns:
        The time at which each frame is shown, in seconds from the first one. They are not evenly
        spaced if the film has a variable rate.

    Raises:
        VidcolorError: the film cannot be read or colorized, or a loop cannot be written.
    """
    partials = {key: temporary_path(path) for key, path in targets.items()}
    times: list[float] = []
    span = project.document.spans[index]
    try:
        with contextlib.ExitStack() as stack:
            shot = stack.enter_context(render_shot(project, index, run, colorizer, progress))
            size = choose_loop_size(shot.plan.video.displayed_size)
            video = describe_preview(shot.plan.output_video, size, shot.plan.video.tags)
            first_pts, time_base = shot.analysis.pts[span.first], shot.plan.video.time_base
            num_frames = span.end - span.first
            writers = {}
            for (view, suffix), partial in partials.items():
                partial.parent.mkdir(parents=True, exist_ok=True)
                plan = plan_encoder(video, CONTAINERS[_MUXERS[suffix]], ENCODERS[suffix])
                writer = VideoWriter(
                    partial, plan, video, shift_pts=first_pts, target=targets[view, suffix]
                )
                writers[view, suffix] = stack.enter_context(writer), plan.layout.name
            for frame in shot.frames:
                times.append(round(float((frame.pts - first_pts) * time_base), 4))
                pictures = {"color": render_rgb(frame.av_frame, shot.plan.output_video, size)}
                if any(view == "gray" for view, _ in writers):
                    pictures["gray"] = _make_gray(shot.plan, frame, size)
                for (view, _), (writer, pix_fmt) in writers.items():
                    yuv = make_yuv_frame(pictures[view], pix_fmt, video.matrix)
                    writer.write(yuv, frame.pts, frame.duration)
                progress(Progress(project.path, "colorize", len(times), num_frames))
            for writer, _ in writers.values():
                writer.finish()
        for key, partial in partials.items():
            partial.replace(targets[key])
    finally:
        for partial in partials.values():
            partial.unlink(missing_ok=True)
    return times


def choose_loop_size(displayed: tuple[int, int]) -> tuple[int, int]:
    """Return width and height of a loop, which are even, for the displayed ones."""
    width, height = displayed
    factor = min(1.0, MAX_WIDTH / width, MAX_HEIGHT / height)
    return max(2, round(width * factor / 2) * 2), max(2, round(height * factor / 2) * 2)


def _make_gray(plan: FilmPlan, frame: RenderedFrame, size: tuple[int, int]) -> Rgb:
    """Return the luma of a frame as R'G'B', upright, (H, W, 3) uint8 for `size` = (W, H)."""
    video = plan.output_video
    layout = get_pixel_layout(frame.av_frame.format.name)
    unit = video.coding.luma_to_unit(read_luma(frame.av_frame, layout, video.matrix))
    stored = rotate_size(size, video.quarter_turns)
    gray = resize_rgb(Coding(8, full_range=True).unit_to_luma(unit), stored)
    upright = np.ascontiguousarray(np.rot90(gray, video.quarter_turns))
    return np.repeat(upright[..., None], 3, axis=-1)
