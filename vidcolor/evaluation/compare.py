"""Comparison of two or three films or photos in one file: side by side, stacked or as a wipe.

Films become a video or a contact sheet. Photos become an image.
"""

from __future__ import annotations

import contextlib
import re
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
from vidcolor.media.stream_plan import plan_streams
from vidcolor.media.streams import StreamCopier
from vidcolor.media.writer import VideoWriter
from vidcolor.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from vidcolor.evaluation.canvas import Canvas
    from vidcolor.imaging.types import Rgb
    from vidcolor.media.containers import Container
    from vidcolor.media.preview import DisplayFrame
    from vidcolor.progress import ProgressCallback

DEFAULT_SHEET_WIDTH = 1600
"""Default width of a contact sheet in pixels."""
DEFAULT_MAX_WIDTH = 3840
"""Default maximum width of other results, in pixels. Many players cannot decode wider videos."""


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
    c: Path | str | None = None,
    progress: ProgressCallback | None = None,
) -> Comparison:
    """Compare films or photos. The extension of the result selects the kind of comparison.

    Args:
        a: the first film or photo, usually the source.
        b: the second film or photo, usually the colorized result.
        c: a third film or photo, for example a result of other options.
        out: the result: a video (see `compare_films`) or an image of two photos, or of evenly
            spaced frames of two films.
        progress: called after every frame of a video.

    Raises:
        InputError: a source does not exist or cannot be read.
        UsageError: the sources are of different kinds or do not overlap in time, there are three
            for a wipe, the target exists, or its extension is unknown or not suitable.
        OutputError: the result cannot be written.
    """
    sources = [Path(path) for path in (a, b, c) if path is not None]
    out, options = Path(out), options or CompareOptions()
    extension, film_extensions = out.suffix.lower(), list_extensions("delivery")
    check_format(out, extension, options, len(sources))
    for path in sources:
        check_source(path)
    kinds = ["photo" if is_photo_name(path) else "film" for path in sources]
    for path, kind in zip(sources, kinds, strict=True):
        if kind != kinds[0]:
            raise UsageError(
                f"{sources[0]} is a {kinds[0]} and {path} is a {kind}; compare only films or only "
                "photos"
            )
    if kinds[0] == "photo" and extension in film_extensions:
        raise UsageError(f"{out}: photos do not make a video; use .png, .jpg or .webp")
    if kinds[0] == "photo":
        return _compare_photos(sources, out, options)
    if extension in film_extensions:
        return _compare_films(sources, out, options, progress)
    return _write_contact_sheet(sources, out, options)


def check_format(name: object, extension: str, options: CompareOptions, num_sources: int) -> None:
    """Check the extension of results, which messages call `name`, and the layout.

    Raises:
        UsageError: the extension is unknown, or a wipe has three sources.
    """
    known = (*IMAGE_FORMATS, *list_extensions("delivery"))
    if extension.lower() not in known:
        raise UsageError(f"{name}: unknown output format; use one of {', '.join(known)}")
    if options.layout == "wipe" and num_sources > 2:
        raise UsageError("--layout wipe shows two sources; use side or stack for three")


def _compare_photos(sources: Sequence[Path], out: Path, options: CompareOptions) -> Comparison:
    """Write photos as one image; the layout `wipe` splits it at the center."""
    from PIL import Image

    get_image_format(out)
    images = [read_image_rgb(path, allow_damaged=True) for path in sources]
    check_target(out, sources, options.force)
    sizes = [(rgb.shape[1], rgb.shape[0]) for rgb in images]
    layout, count = options.layout or "side", len(sources)
    width = options.width or compute_natural_width(layout, sizes[0], DEFAULT_MAX_WIDTH, count)
    canvas = fit_canvas(layout, sizes[0], width, count)
    check_image_size(out, canvas.size)
    panels = [resize_rgb(rgb, canvas.panel_size) for rgb in images]
    for label, panel in zip(_make_labels(canvas, options.get_names(*sources)), panels, strict=True):
        label.draw_on(panel)
    save_image(Image.fromarray(canvas.compose(*panels)), out)
    warnings = tuple(
        f"A and {name} have different aspect ratios: {name} is stretched to the size of A"
        for name, size in zip("BC", sizes[1:], strict=False)
        if not has_same_aspect_ratio(sizes[0], size)
    )
    return Comparison(out, "photo", canvas.size, 1, warnings)


def _make_labels(canvas: Canvas, names: Sequence[str]) -> list[Label]:
    corner: Literal["left", "right"] = "right" if canvas.layout == "wipe" else "left"
    corners: list[Literal["left", "right"]] = ["left", *[corner] * (len(names) - 1)]
    return [Label(n, canvas.panel_size, c) for n, c in zip(names, corners, strict=True)]


def _write_contact_sheet(sources: Sequence[Path], out: Path, options: CompareOptions) -> Comparison:
    """Write an image of evenly spaced frames of A, each with those of the others at that time."""
    get_image_format(out)
    pairs = _pair_films(sources, options)
    check_target(out, sources, options.force)
    width = options.width or DEFAULT_SHEET_WIDTH
    layout, names, count = options.layout or "stack", options.get_names(*sources), options.count
    grid, canvas = plan_contact_sheet(layout, pairs[0].a.size, count, width, len(sources))
    check_image_size(out, grid.size)
    save_image(draw_contact_sheet(pairs, grid, canvas, names, count), out)
    return Comparison(out, "sheet", grid.size, options.count, _list_warnings(pairs))


def _pair_films(sources: Sequence[Path], options: CompareOptions) -> list[FilmPair]:
    """Return A with each of the other films, all over the time that all films have in common."""
    first, *others = sources
    start, end, offset = options.start, options.end, options.offset or Fraction(0)
    remedy = "; if B is a part of A, set --offset"
    pairs = [
        FilmPair(first, other, start=start, end=end, offset=offset, remedy=remedy)
        for other in others
    ]
    if len({(pair.start_s, pair.end_s) for pair in pairs}) > 1:
        start = max(pair.start_s for pair in pairs)
        end = min(pair.end_s for pair in pairs)
        common = [FilmPair(first, o, start=start, end=end, offset=offset) for o in others]
        for pair, before in zip(common, pairs, strict=True):
            pair.warnings = before.warnings
        return common
    return pairs


def _list_warnings(pairs: Sequence[FilmPair]) -> tuple[str, ...]:
    """Return the warnings of all pairs, in which the third film is called C."""
    texts = [*pairs[0].warnings]
    for pair in pairs[1:]:
        texts += [re.sub(r"\bB\b", "C", text) for text in pair.warnings]
    return tuple(texts)


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
    return _compare_films([a, b], out, options or CompareOptions(), progress)


def _compare_films(
    sources: Sequence[Path],
    out: Path,
    options: CompareOptions,
    progress: ProgressCallback | None,
) -> Comparison:
    container = find_container(out)
    pairs = _pair_films(sources, options)
    check_target(out, sources, options.force)
    first, count = pairs[0].a, len(sources)
    layout, video_a = options.layout or "side", first.video
    width = options.width or compute_natural_width(layout, first.size, DEFAULT_MAX_WIDTH, count)
    canvas = fit_canvas(layout, first.size, width, count)
    video = describe_preview(video_a, canvas.size, pairs[0].b.video.tags)
    plan = plan_preview_encoder(video, container)
    audio, audio_warnings = _plan_audio(pairs[0], container)
    # The total is approximate; it is None if the frame rate is unknown.
    duration = pairs[0].end_s - pairs[0].start_s
    total = max(1, round(duration * video_a.rate)) if video_a.rate else None
    shift = round((first.origin_s + pairs[0].start_s) / video.time_base)
    with contextlib.ExitStack() as stack:
        partial = stack.enter_context(atomic_output(out))
        copier = stack.enter_context(audio or contextlib.nullcontext())
        writer = stack.enter_context(
            VideoWriter(partial, plan, video, copier, shift_pts=shift, target=out)
        )
        frames = stack.enter_context(
            contextlib.closing(_compose_frames(pairs, canvas, options.get_names(*sources)))
        )
        num_frames = 0
        for num_frames, (rgb, pts, length) in enumerate(frames, start=1):
            writer.write(make_yuv_frame(rgb, plan.layout.name, video.matrix), pts, length)
            if progress is not None:
                progress(Progress(out, "compare", num_frames, total))
        if not num_frames:
            raise InputError(f"{out}: no frame between --start and --end; choose a longer range")
        writer.finish()
    warnings = (*_list_warnings(pairs), *audio_warnings)
    return Comparison(out, "film", canvas.size, num_frames, warnings)


def _compose_frames(
    pairs: Sequence[FilmPair], canvas: Canvas, names: Sequence[str]
) -> Generator[tuple[Rgb, int, int]]:
    """Yield the composed image, PTS and duration of every frame of A."""
    label_a, *labels = _make_labels(canvas, names)
    start_s, duration_s = pairs[0].start_s, float(pairs[0].end_s - pairs[0].start_s)
    converted: list[tuple[DisplayFrame, Rgb] | None] = [None] * len(pairs)
    # With three films, each pair decodes A, whose frames are the same.
    for found in zip(*(pair.frames() for pair in pairs), strict=False):
        frame_a = found[0][0]
        images = [frame_a.rgb(canvas.panel_size)]
        label_a.draw_on(images[0])
        for n, (_, frame) in enumerate(found):
            # If a film has a lower frame rate, several frames of A share one of it: convert once.
            known = converted[n]
            if known is None or known[0] is not frame:
                known = converted[n] = frame, frame.rgb(canvas.panel_size)
                labels[n].draw_on(known[1])
            images.append(known[1])
        position = compute_wipe_position(float(frame_a.time_s - start_s), duration_s)
        composed = canvas.compose(*images, wipe_position=position)
        yield composed, frame_a.pts, frame_a.duration


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
