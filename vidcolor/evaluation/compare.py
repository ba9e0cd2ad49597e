"""Comparison of two films or two photos in one file: side by side, stacked or as a wipe.

Two films become a video or a contact sheet. Two photos become an image.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vidcolor.errors import InputError, UsageError
from vidcolor.evaluation.canvas import (
    IMAGE_FORMATS,
    check_image_size,
    compute_natural_width,
    compute_wipe_position,
    fit_canvas,
    get_image_format,
    save_image,
)
from vidcolor.evaluation.options import CompareOptions
from vidcolor.evaluation.sheets import draw_contact_sheet, plan_contact_sheet
from vidcolor.fileio import atomic_output, check_source, check_target
from vidcolor.imaging.text import Label
from vidcolor.media.containers import find_container, list_extensions
from vidcolor.media.extensions import is_photo_name
from vidcolor.media.film_pair import FilmPair, has_same_aspect_ratio
from vidcolor.media.preview import (
    describe_preview,
    make_yuv_frame,
    plan_preview_encoder,
    resize_rgb,
)
from vidcolor.media.preview_image import read_image_rgb
from vidcolor.media.streams import StreamCopier, plan_streams
from vidcolor.media.writer import VideoWriter
from vidcolor.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Generator

    from vidcolor.evaluation.canvas import Canvas
    from vidcolor.imaging.types import Rgb
    from vidcolor.media.containers import Container
    from vidcolor.progress import ProgressCallback

DEFAULT_SHEET_WIDTH = 1600
"""Default width of a contact sheet in pixels."""
DEFAULT_MAX_WIDTH = 3840
"""Default maximum width of other results, in pixels. Many players cannot decode wider videos."""
_STRETCH_WARNING = "A and B have different aspect ratios: B is stretched to the size of A"


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of a comparison."""

    target: Path
    """The file that was written."""
    kind: Literal["film", "sheet", "photo"]
    """``film`` for a video of two films, ``sheet`` for a contact sheet of two films, ``photo`` for
    an image of two photos."""
    size: tuple[int, int]
    """Width and height of the result in pixels."""
    num_pairs: int
    """Number of frame pairs in a video or on a contact sheet; 1 for photos."""
    warnings: tuple[str, ...] = ()
    """Differences between A and B, and streams that were not copied."""


def compare(
    a: Path | str,
    b: Path | str,
    out: Path | str,
    options: CompareOptions | None = None,
    *,
    progress: ProgressCallback | None = None,
) -> Comparison:
    """Compare two films or two photos. The extension of the result selects the kind of comparison.

    Args:
        a: the first film or photo, usually the source.
        b: the second film or photo, usually the colorized result.
        out: the result: a video (see `compare_films`) or an image of two photos, or of evenly
            spaced frames of two films.
        progress: called after every frame of a video.

    Raises:
        InputError: a source does not exist or cannot be read.
        UsageError: A and B are of different kinds or do not overlap in time, the target exists, or
            its extension is unknown or not suitable.
        OutputError: the result cannot be written.
    """
    a, b, out = Path(a), Path(b), Path(out)
    options = options or CompareOptions()
    extension, film_extensions = out.suffix.lower(), list_extensions("delivery")
    if extension not in IMAGE_FORMATS and extension not in film_extensions:
        choices = ", ".join((*IMAGE_FORMATS, *film_extensions))
        raise UsageError(f"{out}: unknown output format; use one of {choices}")
    for path in (a, b):
        check_source(path)
    kinds = ["photo" if is_photo_name(path) else "film" for path in (a, b)]
    if kinds[0] != kinds[1]:
        raise UsageError(
            f"{a} is a {kinds[0]} and {b} is a {kinds[1]}; compare two films or two photos"
        )
    if kinds[0] == "photo" and extension in film_extensions:
        raise UsageError(f"{out}: two photos do not make a video; use .png, .jpg or .webp")
    if kinds[0] == "photo":
        return _compare_photos(a, b, out, options)
    if extension in film_extensions:
        return compare_films(a, b, out, options, progress=progress)
    return _write_contact_sheet(a, b, out, options)


def _compare_photos(a: Path, b: Path, out: Path, options: CompareOptions) -> Comparison:
    """Write two photos as one image; the layout `wipe` splits it at the center."""
    from PIL import Image

    get_image_format(out)
    images = [read_image_rgb(path) for path in (a, b)]
    check_target(out, [a, b], options.force)
    sizes = [(rgb.shape[1], rgb.shape[0]) for rgb in images]
    layout = options.layout or "side"
    width = options.width or compute_natural_width(layout, sizes[0], DEFAULT_MAX_WIDTH)
    canvas = fit_canvas(layout, sizes[0], width)
    check_image_size(out, canvas.size)
    panels = [resize_rgb(rgb, canvas.panel_size) for rgb in images]
    for label, panel in zip(_make_labels(canvas, options.get_names(a, b)), panels, strict=True):
        label.draw_on(panel)
    save_image(Image.fromarray(canvas.compose(panels[0], panels[1])), out)
    warnings = () if has_same_aspect_ratio(*sizes) else (_STRETCH_WARNING,)
    return Comparison(out, "photo", canvas.size, 1, warnings)


def _make_labels(canvas: Canvas, names: tuple[str, str]) -> tuple[Label, Label]:
    size = canvas.panel_size
    corner: Literal["left", "right"] = "right" if canvas.layout == "wipe" else "left"
    return Label(names[0], size, "left"), Label(names[1], size, corner)


def _write_contact_sheet(a: Path, b: Path, out: Path, options: CompareOptions) -> Comparison:
    """Write an image of evenly spaced frames of A, each with the frame of B at the same time."""
    get_image_format(out)
    pair = _pair_films(a, b, options)
    check_target(out, [a, b], options.force)
    width = options.width or DEFAULT_SHEET_WIDTH
    layout, names, count = options.layout or "stack", options.get_names(a, b), options.count
    grid, canvas = plan_contact_sheet(layout, pair.a.size, count, width)
    check_image_size(out, grid.size)
    save_image(draw_contact_sheet(pair, grid, canvas, names, count), out)
    return Comparison(out, "sheet", grid.size, options.count, pair.warnings)


def _pair_films(a: Path, b: Path, options: CompareOptions) -> FilmPair:
    offset = options.offset or Fraction(0)
    return FilmPair(a, b, start=options.start, end=options.end, offset=offset)


def compare_films(
    a: Path,
    b: Path,
    out: Path,
    options: CompareOptions | None = None,
    *,
    progress: ProgressCallback | None = None,
) -> Comparison:
    """Write a video that shows two films at the same time.

    Every frame of A is shown at its own PTS, with the frame of B that is displayed at that time. B
    is scaled to the display size of A. The video starts at 0 and has the audio of B, or that of A
    if B has none. The arguments and errors are those of `compare`.
    """
    options = options or CompareOptions()
    container = find_container(out)
    pair = _pair_films(a, b, options)
    check_target(out, [a, b], options.force)
    layout, video_a = options.layout or "side", pair.a.video
    width = options.width or compute_natural_width(layout, pair.a.size, DEFAULT_MAX_WIDTH)
    canvas = fit_canvas(layout, pair.a.size, width)
    video = describe_preview(video_a, canvas.size, pair.b.video.tags)
    plan = plan_preview_encoder(video, container)
    audio, audio_warnings = _plan_audio(pair, container)
    # The total is approximate; it is None if the frame rate is unknown.
    duration = pair.end_s - pair.start_s
    total = max(1, round(duration * video_a.rate)) if video_a.rate else None
    shift = round((pair.a.origin_s + pair.start_s) / video.time_base)
    with contextlib.ExitStack() as stack:
        partial = stack.enter_context(atomic_output(out))
        copier = stack.enter_context(audio or contextlib.nullcontext())
        writer = stack.enter_context(
            VideoWriter(partial, plan, video, copier, shift_pts=shift, target=out)
        )
        frames = stack.enter_context(
            contextlib.closing(_compose_frames(pair, canvas, options.get_names(a, b)))
        )
        num_frames = 0
        for num_frames, (rgb, pts, length) in enumerate(frames, start=1):
            writer.write(make_yuv_frame(rgb, plan.layout.name, video.matrix), pts, length)
            if progress is not None:
                progress(Progress(out, "compare", num_frames, total))
        if not num_frames:
            raise InputError(f"{out}: no frame between --start and --end; choose a longer range")
        writer.finish()
    return Comparison(out, "film", canvas.size, num_frames, (*pair.warnings, *audio_warnings))


def _compose_frames(
    pair: FilmPair, canvas: Canvas, names: tuple[str, str]
) -> Generator[tuple[Rgb, int, int]]:
    """Yield the composed image, PTS and duration of every frame of A."""
    label_a, label_b = _make_labels(canvas, names)
    duration_s = float(pair.end_s - pair.start_s)
    converted_b, rgb_b = None, None
    for frame_a, frame_b in pair.frames():
        rgb_a = frame_a.rgb(canvas.panel_size)
        label_a.draw_on(rgb_a)
        # If B has a lower frame rate, several frames of A share one of B: convert it once.
        if frame_b is not converted_b or rgb_b is None:
            converted_b, rgb_b = frame_b, frame_b.rgb(canvas.panel_size)
            label_b.draw_on(rgb_b)
        position = compute_wipe_position(float(frame_a.time_s - pair.start_s), duration_s)
        yield canvas.compose(rgb_a, rgb_b, position), frame_a.pts, frame_a.duration


def _plan_audio(pair: FilmPair, container: Container) -> tuple[StreamCopier | None, list[str]]:
    """Plan to copy the audio of B, or that of A if B has none, shifted to the video's start."""
    for film, offset in ((pair.b, pair.offset_s), (pair.a, Fraction(0))):
        decisions = [d for d in plan_streams(film.path, container) if d.stream.kind == "audio"]
        if not decisions:
            continue
        warnings = [f"audio not copied: {d.note}" for d in decisions if not d.kept]
        kept = tuple(d for d in decisions if d.kept)
        if not kept:
            return None, warnings
        start, end = film.origin_s + pair.start_s - offset, pair.trim_s[1]
        copier = StreamCopier(
            film.path,
            kept,
            shift=start,
            start=start if pair.start_s > offset else None,
            end=None if end is None else film.origin_s + end - offset,
        )
        return copier, warnings
    return None, []
