"""Comparison of two films or two photos in one file: side by side, stacked or as a wipe.

Two films become a video (`compare_films`) or a contact sheet. Two photos become an image. Contact
sheets and images are made in `vidcolor.evaluation.contact_sheet`.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor.errors import InputError, UsageError
from vidcolor.evaluation.canvas import (
    IMAGE_FORMATS,
    compute_natural_width,
    compute_wipe_position,
    fit_canvas,
)
from vidcolor.evaluation.compare_options import CompareOptions, Comparison
from vidcolor.evaluation.contact_sheet import compare_photos, write_contact_sheet
from vidcolor.fileio import atomic_output, check_target
from vidcolor.imaging.text import Label
from vidcolor.media.containers import find_container, list_extensions
from vidcolor.media.extensions import is_photo_name
from vidcolor.media.film_pair import FilmPair
from vidcolor.media.preview import describe_preview, make_yuv_frame, plan_preview_encoder
from vidcolor.media.streams import StreamCopier, StreamDecision, plan_streams
from vidcolor.media.writer import VideoWriter
from vidcolor.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Generator

    from vidcolor.evaluation.canvas import Canvas
    from vidcolor.imaging.types import Rgb
    from vidcolor.media.containers import Container
    from vidcolor.media.preview import DisplayReader
    from vidcolor.progress import ProgressCallback

DEFAULT_MAX_WIDTH = 3840
"""Default maximum width of a video in pixels. Many players cannot decode wider ones."""


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
        out: the result: a video (see `compare_films`), or an image (see `write_contact_sheet` for
            films and `compare_photos` for photos).
        options: the options; None for the defaults.
        progress: called after every frame of a video.

    Raises:
        InputError: a source does not exist or cannot be read.
        UsageError: one source is a film and the other a photo, the target exists, its extension is
            unknown, or it is that of a video although the sources are photos.
        OutputError: the result cannot be written.
    """
    a, b, out = Path(a), Path(b), Path(out)
    extension, film_extensions = out.suffix.lower(), list_extensions("delivery")
    if extension not in IMAGE_FORMATS and extension not in film_extensions:
        choices = ", ".join((*IMAGE_FORMATS, *film_extensions))
        raise UsageError(f"{out}: unknown output format; use one of {choices}")
    if _are_photos(a, b):
        if extension in film_extensions:
            raise UsageError(f"{out}: two photos do not make a video; use .png, .jpg or .webp")
        return compare_photos(a, b, out, options)
    if extension in film_extensions:
        return compare_films(a, b, out, options, progress=progress)
    return write_contact_sheet(a, b, out, options)


def _are_photos(a: Path, b: Path) -> bool:
    """Return whether two files are photos, by their extensions; both must be of the same kind."""
    for path in (a, b):
        if not path.exists():
            raise InputError(f"{path}: no such file")
    if is_photo_name(a) != is_photo_name(b):
        kinds = ["a photo" if is_photo_name(path) else "a film" for path in (a, b)]
        raise UsageError(
            f"{a} is {kinds[0]} and {b} is {kinds[1]}; compare two films or two photos"
        )
    return is_photo_name(a)


def compare_films(
    a: Path | str,
    b: Path | str,
    out: Path | str,
    options: CompareOptions | None = None,
    *,
    progress: ProgressCallback | None = None,
) -> Comparison:
    """Write a video that shows two films at the same time.

    Every frame of A is shown at its own PTS, with the frame of B that is displayed at that time. B
    is scaled to the display size of A. The video starts at 0 and has the audio of B, or that of A
    if B has none.

    Args:
        a: the first film, usually the source.
        b: the second film, usually the colorized result.
        out: the result: .mp4, .m4v, .mov, .mkv or .webm.
        options: the options, without `count`; None for the defaults.
        progress: called after every frame.

    Raises:
        InputError: a source cannot be read.
        UsageError: the target exists, its extension is unknown, or the films do not overlap in
            time.
        OutputError: the result cannot be written.
    """
    a, b, out = Path(a), Path(b), Path(out)
    options = options or CompareOptions()
    container = find_container(out)
    pair = FilmPair(a, b, start=options.start, end=options.end, offset=options.offset)
    check_target(out, [a, b], options.force)
    layout = options.layout or "side"
    width = options.width or compute_natural_width(layout, pair.a.size, DEFAULT_MAX_WIDTH)
    canvas = fit_canvas(layout, pair.a.size, width)
    video = describe_preview(pair.a.video, canvas.size, pair.b.video.tags)
    plan = plan_preview_encoder(video, container)
    audio = _plan_audio(pair, container)
    with contextlib.ExitStack() as stack:
        partial = stack.enter_context(atomic_output(out))
        copier = stack.enter_context(_open_copier(pair, audio))
        shift = round((pair.a.origin_s + pair.start_s) / video.time_base)
        writer = stack.enter_context(
            VideoWriter(partial, plan, video, copier, shift_pts=shift, target=out)
        )
        frames = stack.enter_context(
            contextlib.closing(_compose_frames(pair, canvas, options.get_names(a, b)))
        )
        num_frames, total = 0, _estimate_frames(pair)
        for num_frames, (rgb, pts, duration) in enumerate(frames, start=1):
            writer.write(make_yuv_frame(rgb, plan.layout.name, video.matrix), pts, duration)
            if progress is not None:
                progress(Progress(out, "compare", num_frames, total))
        if not num_frames:
            raise InputError(f"{out}: no frame between --start and --end; choose a longer range")
        writer.finish()
    return Comparison(out, "film", canvas.size, num_frames, (*pair.warnings, *audio.warnings))


def _compose_frames(
    pair: FilmPair, canvas: Canvas, names: tuple[str, str]
) -> Generator[tuple[Rgb, int, int]]:
    """Yield the composed image, PTS and duration of every frame of A."""
    size = canvas.panel_size
    label_a = Label(names[0], size, "left")
    label_b = Label(names[1], size, "right" if canvas.layout == "wipe" else "left")
    duration_s = float(pair.end_s - pair.start_s)
    converted_b, rgb_b = None, None
    for frame_a, frame_b in pair.frames():
        rgb_a = frame_a.rgb(size)
        label_a.draw_on(rgb_a)
        # If B has a lower frame rate, several frames of A share one of B: convert it once.
        if frame_b is not converted_b or rgb_b is None:
            converted_b, rgb_b = frame_b, frame_b.rgb(size)
            label_b.draw_on(rgb_b)
        position = compute_wipe_position(float(frame_a.time_s - pair.start_s), duration_s)
        yield canvas.compose(rgb_a, rgb_b, position), frame_a.pts, frame_a.duration


def _estimate_frames(pair: FilmPair) -> int | None:
    """Return the approximate number of frames of the video; None if the frame rate is unknown."""
    rate = pair.a.video.rate
    return max(1, round((pair.end_s - pair.start_s) * rate)) if rate else None


@dataclass(frozen=True, slots=True)
class _AudioPlan:
    """The film whose audio is copied, and its streams."""

    film: DisplayReader | None = None
    streams: tuple[StreamDecision, ...] = ()
    warnings: tuple[str, ...] = ()
    """The streams that the container cannot hold."""


def _plan_audio(pair: FilmPair, container: Container) -> _AudioPlan:
    """Choose the audio of B, or that of A if B has none."""
    for film in (pair.b, pair.a):
        decisions = [d for d in plan_streams(film.path, container) if d.stream.kind == "audio"]
        if decisions:
            warnings = tuple(f"audio not copied: {d.note}" for d in decisions if not d.kept)
            return _AudioPlan(film, tuple(d for d in decisions if d.kept), warnings)
    return _AudioPlan()


def _open_copier(
    pair: FilmPair, audio: _AudioPlan
) -> contextlib.AbstractContextManager[StreamCopier | None]:
    """Return a copier that shifts the audio to the start of the video; None without audio."""
    film = audio.film
    if film is None or not audio.streams:
        return contextlib.nullcontext()
    offset = pair.offset_s if film is pair.b else Fraction(0)
    start = film.origin_s + pair.start_s - offset
    end = pair.trim_s[1]
    return StreamCopier(
        film.path,
        audio.streams,
        shift=start,
        start=start if pair.start_s > offset else None,
        end=None if end is None else film.origin_s + end - offset,
    )
