"""Two films in one: side by side, stacked, or on either side of a moving line."""

from __future__ import annotations

import contextlib
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor.errors import InputError
from vidcolor.evaluation.compare_options import CompareOptions, Comparison
from vidcolor.evaluation.layout import arrange, line_at, natural_width
from vidcolor.fileio import atomic_output, check_target
from vidcolor.imaging.text import Tag
from vidcolor.media.film_pair import FilmPair
from vidcolor.media.preview import frame_of_rgb, plan_viewing, viewing_video
from vidcolor.media.streams import StreamCopier, StreamDecision, plan_streams
from vidcolor.media.writer import FilmWriter, muxer_of
from vidcolor.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vidcolor.evaluation.layout import Arrangement
    from vidcolor.media.encoders import EncoderPlan
    from vidcolor.media.preview import DisplayReader, Rgb
    from vidcolor.media.probe import VideoInfo
    from vidcolor.progress import ProgressCallback

MAX_WIDTH = 3840
"""Wider films are scaled down unless a width is asked for: many players give up there."""


def compare_films(
    a: Path | str,
    b: Path | str,
    out: Path | str,
    options: CompareOptions | None = None,
    *,
    progress: ProgressCallback | None = None,
) -> Comparison:
    """Write a film that shows two films at once, with B's sound (A's if B is silent).

    Every frame of A is shown with its own time stamp, beside the frame of B that is on the screen
    at that moment. B is scaled to A's display size. The film begins at 0.

    Args:
        a: the original.
        b: what became of it.
        out: the result, .mp4, .m4v, .mov, .mkv or .webm.
        options: layout, width, span and names; `count` means nothing here.
        progress: called after every frame.

    Raises:
        InputError: a source cannot be read.
        UsageError: the target exists or has an unknown suffix; the films share no time.
        OutputError: the result cannot be written.
    """
    a, b, out = Path(a), Path(b), Path(out)
    options = options or CompareOptions()
    muxer = muxer_of(out)
    pair = FilmPair(a, b, options)
    check_target(out, [a, b], options.force)
    layout = options.layout or "side"
    width = options.width or natural_width(layout, pair.a.size, MAX_WIDTH)
    arrangement = arrange(layout, pair.a.size, width)
    video = viewing_video(pair.a.video, arrangement.size, pair.b.video.tags)
    plan = plan_viewing(video, muxer)
    sound, fates, lost = _sound(pair, muxer)
    with contextlib.ExitStack() as stack:
        partial = stack.enter_context(atomic_output(out))
        company = stack.enter_context(_company(pair, sound, fates))
        shift = round((pair.a.origin_s + pair.start_s) / video.time_base)
        writer = stack.enter_context(
            FilmWriter(partial, plan, video, company, shift_pts=shift, target=out)
        )
        joined = _joined(pair, arrangement, options.names_for(a, b))
        count = _write(writer, plan, video, joined, _expected(pair), out, progress)
    return Comparison(out, "film", arrangement.size, count, (*pair.warnings, *lost))


def _write(
    writer: FilmWriter,
    plan: EncoderPlan,
    video: VideoInfo,
    joined: Iterator[tuple[Rgb, int, int]],
    expected: int | None,
    out: Path,
    progress: ProgressCallback | None,
) -> int:
    """Encode every joined frame and complete the file; how many there were."""
    count = 0
    with contextlib.closing(joined):  # type: ignore[type-var]
        for count, (rgb, pts, duration) in enumerate(joined, start=1):
            writer.write(frame_of_rgb(rgb, plan.layout.name, video.matrix), pts, duration)
            if progress is not None:
                progress(Progress(out, "compare", count, expected))
    if not count:
        raise InputError(f"{out}: nothing to write; no frame lies between --start and --end")
    writer.finish()
    return count


def _joined(
    pair: FilmPair, arrangement: Arrangement, names: tuple[str, str]
) -> Iterator[tuple[Rgb, int, int]]:
    """Canvas, time stamp and duration of every frame of A."""
    panel = arrangement.panel
    wipe = arrangement.layout == "wipe"
    tags = Tag(names[0], panel, "left"), Tag(names[1], panel, "right" if wipe else "left")
    length_s = float(pair.end_s - pair.start_s)
    of_b, picture_b = None, None
    for shown_a, shown_b in pair.frames():
        picture_a = shown_a.rgb(panel)
        tags[0].put_on(picture_a)
        if shown_b is not of_b or picture_b is None:  # a slower B is converted once a frame
            of_b, picture_b = shown_b, shown_b.rgb(panel)
            tags[1].put_on(picture_b)
        line = line_at(float(shown_a.time_s - pair.start_s), length_s)
        yield arrangement.join(picture_a, picture_b, line), shown_a.pts, shown_a.duration


def _expected(pair: FilmPair) -> int | None:
    rate = pair.a.video.rate
    return max(1, round((pair.end_s - pair.start_s) * rate)) if rate else None


def _sound(
    pair: FilmPair, muxer: str
) -> tuple[DisplayReader | None, tuple[StreamDecision, ...], tuple[str, ...]]:
    """Whose sound is copied, which of its streams, and what is lost."""
    for film in (pair.b, pair.a):
        fates = [f for f in plan_streams(film.path, muxer) if f.stream.kind == "audio"]
        if fates:
            lost = tuple(f"sound not kept: {f.note}" for f in fates if not f.kept)
            return film, tuple(f for f in fates if f.kept), lost
    return None, (), ()


def _company(
    pair: FilmPair, film: DisplayReader | None, fates: tuple[StreamDecision, ...]
) -> contextlib.AbstractContextManager[StreamCopier | None]:
    """The sound, moved so that it starts with the picture."""
    if film is None or not fates:
        return contextlib.nullcontext()
    offset = pair.offset_s if film is pair.b else Fraction(0)
    start = film.origin_s + pair.start_s - offset
    trimmed = pair.start_s > offset
    end = pair.cut_s[1]
    return StreamCopier(
        film.path,
        fates,
        shift=start,
        start=start if trimmed else None,
        end=None if end is None else film.origin_s + end - offset,
    )
