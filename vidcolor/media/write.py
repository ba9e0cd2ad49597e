"""The coloured film: picture encoded, everything else copied beside it, tags as they were."""

from __future__ import annotations

import contextlib
import os
from fractions import Fraction
from typing import TYPE_CHECKING

import av

from vidcolor.errors import OutputError, UsageError
from vidcolor.files import describe_os_error
from vidcolor.media.encode import EncoderPlan, add_picture_stream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vidcolor.media.company import Company
    from vidcolor.media.probe import VideoInfo

os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 prints its banner past every log setting

_STREAMABLE = ("mp4", "mov")
_STATE_ASPECT_IN_BITSTREAM = {
    "libx264", "libx265", "mpeg2video", "mpeg4", "h264_nvenc", "hevc_nvenc",
}  # fmt: skip
_MEANINGLESS_PICT_TYPE = 0


class FilmWriter:
    """Encodes pictures and muxes them with the film's other streams.

    Use as a context manager. Leaving it by an exception closes the file without complaint; what
    was written is then of no use and the caller removes it.
    """

    def __init__(
        self,
        path: Path,
        plan: EncoderPlan,
        video: VideoInfo,
        company: Company | None = None,
        tags: dict[str, str] | None = None,
        shift_pts: int = 0,
        target: Path | None = None,
    ) -> None:
        """Open the output and write its header.

        Args:
            path: where to write; the container is the plan's, whatever the suffix.
            plan: what `plan_encoder` decided.
            video: the source's picture.
            company: copies the other streams; None for a silent film.
            tags: the container's tags.
            shift_pts: ticks of the source's time base that are taken off every time stamp.
            target: the final name, for messages.

        Raises:
            OutputError: the file cannot be written, here or in any method.
        """
        self._name = target or path
        self._plan, self._video, self._company = plan, video, company
        self._shift = shift_pts
        self._last_tick: int | None = None
        options = {"movflags": "+faststart"} if plan.muxer in _STREAMABLE else {}
        with self._explained():
            self._container = av.open(str(path), "w", format=plan.muxer, container_options=options)
        try:
            self._write_header(tags or {})
        except BaseException:
            self._close_quietly()
            raise
        self._set_fields = _field_setter(plan, video)

    def _write_header(self, tags: dict[str, str]) -> None:
        with self._explained():
            self._stream = add_picture_stream(self._container, self._plan, self._video)
            if self._video.timecode and not self._shift:
                self._stream.metadata["timecode"] = self._video.timecode
            if self._video.language:
                self._stream.metadata["language"] = self._video.language
            self._container.metadata.update(tags)
            if self._company is not None:
                self._company.add_streams(self._container, self._plan.muxer)
            self._container.start_encoding()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """FFmpeg's errors as ours, with the name that the user knows."""
        try:
            yield
        except OSError as error:
            raise OutputError(f"{self._name}: {describe_os_error(error)}") from error
        except av.FFmpegError as error:
            raise OutputError(
                f"{self._name}: {self._plan.encoder} or the {self._plan.muxer} muxer failed "
                f"({error.strerror}); try another --encoder or container"
            ) from error

    def __enter__(self) -> FilmWriter:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self._close_quietly()

    def write(self, picture: av.VideoFrame, pts: int, duration: int) -> None:
        """Encode one picture.

        Args:
            picture: in the plan's pixel format; belongs to the writer from now on.
            pts: in the source's time base.
            duration: in the source's time base; 0 if unknown.
        """
        if self._set_fields is not None:
            picture = self._set_fields(picture)
        picture.pict_type = _MEANINGLESS_PICT_TYPE  # or the source's I, P, B would be forced
        picture.pts = self._tick(pts - self._shift)
        picture.time_base = self._plan.time_base
        scale = self._video.time_base / self._plan.time_base
        picture.duration = max(0, round(duration * scale))
        with self._explained():
            self._mux(self._stream.encode(picture))

    def finish(self) -> None:
        """Flush the encoder, copy what is left of the other streams and write the trailer."""
        with self._explained():
            self._mux(self._stream.encode(None))
            if self._company is not None:
                self._company.copy_until(self._container, None)
            self._container.close()

    def _tick(self, pts: int) -> int:
        """The time stamp in the encoder's time base; exact, or an error."""
        plan, video = self._plan, self._video
        if plan.time_base == video.time_base:
            return pts
        time = pts * video.time_base
        tick = round(time / plan.time_base)
        slack = max(video.time_base, Fraction(1, 1000))  # a Matroska source rounds to 1 ms
        follows = self._last_tick is None or tick == self._last_tick + 1
        if abs(tick * plan.time_base - time) > slack or not follows:
            raise OutputError(
                f"{self._name}: {plan.encoder} in {plan.muxer} needs one constant frame rate, "
                f"and the source departs from it at {float(time):.3f} s; "
                "choose another --encoder or container"
            )
        self._last_tick = tick
        return tick

    def _mux(self, packets: list[av.Packet]) -> None:
        for packet in packets:
            if self._company is not None and packet.dts is not None:
                self._company.copy_until(self._container, packet.dts * Fraction(packet.time_base))
            self._container.mux(packet)

    def _close_quietly(self) -> None:
        try:
            self._container.close()
        except (av.FFmpegError, OSError, ValueError):
            return  # the error that brought us here is the one to report


def _field_setter(plan: EncoderPlan, video: VideoInfo) -> _FieldSetter | None:
    """Frames made in Python carry no field flags; decoded ones that are encoded again do."""
    if not video.interlaced or plan.layout.name == video.layout.name:
        return None
    return _FieldSetter(plan, video)


class _FieldSetter:
    """Marks new frames as interlaced, top or bottom field first, by FFmpeg's `setfield`."""

    _BOTTOM_FIRST = (3, 5)  # AV_FIELD_BB, AV_FIELD_BT

    def __init__(self, plan: EncoderPlan, video: VideoInfo) -> None:
        order = "bff" if video.field_order in self._BOTTOM_FIRST else "tff"
        self._graph = av.filter.Graph()
        source = self._graph.add_buffer(
            width=video.width,
            height=video.height,
            format=plan.layout.name,
            time_base=video.time_base,
        )
        setfield = self._graph.add("setfield", order)
        sink = self._graph.add("buffersink")
        source.link_to(setfield)
        setfield.link_to(sink)
        self._graph.configure()

    def __call__(self, picture: av.VideoFrame) -> av.VideoFrame:
        self._graph.push(picture)
        marked = self._graph.pull()
        if not isinstance(marked, av.VideoFrame):
            raise OutputError("FFmpeg's setfield filter returned no picture")
        return marked


def restore_aspect(path: Path, plan: EncoderPlan, video: VideoInfo) -> None:
    """Put the pixel aspect into a finished Matroska file whose codec does not carry it."""
    needs = plan.muxer in ("matroska", "webm") and video.sample_aspect_ratio
    if not needs or plan.encoder in _STATE_ASPECT_IN_BITSTREAM:
        return
    from vidcolor.media.ffmpeg import set_matroska_aspect

    display = Fraction(video.width, video.height) * (video.sample_aspect_ratio or 1)
    fixed = path.with_name(path.name + ".aspect")
    try:
        set_matroska_aspect(path, fixed, display)
        fixed.replace(path)
    finally:
        fixed.unlink(missing_ok=True)


def muxer_of(path: Path) -> str:
    """The container that a file name asks for.

    Raises:
        UsageError: no container we write ends so.
    """
    from vidcolor.media.encode import MUXERS

    muxer = MUXERS.get(path.suffix.lower())
    if muxer is None:
        raise UsageError(
            f"{path}: cannot write a film called {path.suffix or 'without suffix'}; "
            f"use one of {', '.join(MUXERS)}"
        )
    return muxer
