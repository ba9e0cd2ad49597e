"""Which encoder writes the picture, in which pixel format, and proof that it will.

Every plan is tried out on a scratch container in memory before work starts, so that an unknown
option or a size that the encoder refuses is said at once and not after the first minute.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import av

from vidcolor.cpu import cpu_flags
from vidcolor.errors import UsageError
from vidcolor.media.encode import CONSTANT_RATE_MUXERS, MUXERS, EncoderPlan, marks_fields
from vidcolor.media.encoder_probe import EncoderRefusedError, probe_encoder
from vidcolor.media.frames import PixelLayout, pixel_layout

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vidcolor.media.probe import VideoInfo
    from vidcolor.options import Purpose

__all__ = ["MUXERS", "PURPOSE_ENCODERS", "EncoderPlan", "EncoderRequest", "plan_encoder"]

PURPOSE_ENCODERS: dict[Purpose, tuple[str, ...]] = {
    "delivery": ("libx264", "libx265", "ffv1"),
    "editing": ("prores_ks", "ffv1"),
    "archive": ("ffv1",),
}
"""The first that holds the source's bit depth without rounding is taken."""

MUXER_ENCODERS = {
    "webm": ("libsvtav1", "libvpx-vp9"),
    "mxf": ("dnxhd", "prores_ks", "ffv1"),
}
"""Containers with their own ideas of what they hold; these go before the purpose's."""

ENCODER_OPTIONS: dict[str, dict[str, str]] = {
    "libx264": {"crf": "16", "preset": "medium"},
    "libx265": {"crf": "18", "preset": "medium", "x265-params": "log-level=error"},
    "libsvtav1": {"crf": "24", "preset": "8"},
    "libvpx-vp9": {"crf": "24", "b": "0", "row-mt": "1", "cpu-used": "4"},
    "ffv1": {"level": "3", "g": "1", "slicecrc": "1"},
    "prores_ks": {"profile": "hq", "vendor": "apl0"},
    "dnxhd": {"profile": "dnxhr_hq"},
    "h264_nvenc": {"preset": "p5", "cq": "18"},
    "hevc_nvenc": {"preset": "p5", "cq": "20"},
    "av1_nvenc": {"preset": "p5", "cq": "24"},
    # FFmpeg's own lossy encoders default to 200 kbit/s: constant quality 2 instead (118 units each)
    "mpeg2video": {"flags": "+qscale", "global_quality": "236"},
    "mpeg4": {"flags": "+qscale", "global_quality": "236"},
    "mjpeg": {"flags": "+qscale", "global_quality": "236"},
}

MIN_SIZE = {"libx265": 64}
"""Smallest side in pixels; below it x265 corrupts memory instead of refusing."""
NARROW = 16
"""Side in pixels below which FFV1 may find no way to cut a picture into slices by itself."""

_AMOUNT_OPTIONS = {"crf", "qp", "cq", "b", "q", "global_quality", "lossless"}
"""Each says how many bits to spend; where the user does, our own answer is withdrawn."""
_PARAMETER_LISTS = {"x264-params", "x265-params"}
_JPEG_ENCODERS = ("mjpeg",)
"""Full range by definition; limited range is FFmpeg's own extension, and read back as such."""

_SUBSAMPLING_ORDER: dict[Purpose, tuple[tuple[int, int], ...]] = {
    "delivery": ((1, 1), (1, 0), (0, 0)),
    "editing": ((1, 0), (0, 0), (1, 1)),
    "archive": ((1, 1), (1, 0), (0, 0)),
}


@dataclass(frozen=True, slots=True)
class EncoderRequest:
    """What the user asked of the encoder."""

    purpose: Purpose = "delivery"
    encoder: str | None = None
    options: tuple[tuple[str, str], ...] = ()
    pix_fmt: str | None = None


def plan_encoder(video: VideoInfo, muxer: str, request: EncoderRequest) -> EncoderPlan:
    """Choose encoder and pixel format for a source, and try them out.

    Luma keeps its bit depth or gains bits (which is exact); it loses some only if the user's
    `pix_fmt` says so. What may change freely is chroma subsampling: all chroma is ours.

    Raises:
        UsageError: no such encoder or option, or one that cannot hold the source.
    """
    encoders = (request.encoder,) if request.encoder else _default_encoders(muxer, request.purpose)
    reasons: list[str] = []
    hushed: EncoderPlan | None = None
    for encoder in encoders:
        try:
            layouts = _candidate_layouts(video, encoder, request)
        except UsageError as error:
            reasons.append(str(error))
            continue
        try:
            plan = _first_that_opens(video, muxer, encoder, layouts, request)
        except UsageError as error:
            if request.options and not reasons:
                raise  # they were meant for this encoder
            reasons.append(str(error))
            continue
        if plan.warnings and encoder != encoders[-1] and muxer in MUXER_ENCODERS:
            hushed = hushed or plan  # another may say all that there is to say
            continue
        if plan.warnings and hushed is not None:
            plan, encoder = hushed, hushed.encoder
        if reasons:
            note = f"{reasons[0]}; {encoder} is used instead"
            plan = replace(plan, warnings=(*plan.warnings, note))
        if video.interlaced and not marks_fields(plan):
            note = f"{encoder} does not mark pictures as interlaced; players will not know"
            plan = replace(plan, warnings=(*plan.warnings, note))
        return plan
    raise UsageError("; ".join(dict.fromkeys((reasons[0], reasons[-1]))))


def _default_encoders(muxer: str, purpose: Purpose) -> tuple[str, ...]:
    own = MUXER_ENCODERS.get(muxer)
    if own and purpose == "delivery":
        return own
    return PURPOSE_ENCODERS[purpose]


def encoder_formats(encoder: str) -> list[PixelLayout]:
    """The planar Y'CbCr formats an encoder takes, as layouts.

    Raises:
        UsageError: PyAV has no such video encoder.
    """
    try:
        codec = av.Codec(encoder, "w")
    except ValueError as error:
        raise UsageError(
            f"no encoder called {encoder!r}; try libx264, libx265, libsvtav1, ffv1, prores_ks "
            "or dnxhd"
        ) from error
    if codec.type != "video":
        raise UsageError(f"{encoder} encodes {codec.type}, not pictures")
    names = [f.name for f in codec.video_formats or ()]
    planar = (n for n in names if n.startswith(("yuv4", "yuvj4")) and not n.endswith("be"))
    return [pixel_layout(n) for n in planar if "msb" not in n]


def _candidate_layouts(
    video: VideoInfo, encoder: str, request: EncoderRequest
) -> list[PixelLayout]:
    """Pixel formats worth trying, best first."""
    offered = encoder_formats(encoder)
    smallest = MIN_SIZE.get(encoder, 1)
    if min(video.width, video.height) < smallest:
        raise UsageError(f"{encoder} cannot write pictures smaller than {smallest} pixels")
    if request.pix_fmt:
        chosen = [f for f in offered if f.name == request.pix_fmt]
        if not chosen:
            choices = ", ".join(f.name for f in offered)
            raise UsageError(f"{encoder} cannot write {request.pix_fmt}; it takes: {choices}")
        return chosen
    wants_full = encoder in _JPEG_ENCODERS and video.coding.full_range
    plain = [f for f in offered if f.full_range == wants_full] or offered
    if not plain:
        raise UsageError(f"{encoder} takes no planar pixel format, and we write no other")
    deep = [f for f in plain if f.bits >= video.coding.bits]
    if not deep:
        most = max(plain, key=lambda f: (f.bits, sum(f.subsampling)))
        raise UsageError(
            f"{encoder} holds {most.bits} bits and this luma has {video.coding.bits}: choose "
            f"another encoder (ffv1 holds all), or accept rounding with --pix-fmt {most.name}"
        )
    bits = min(f.bits for f in deep)
    order = _subsampling_order(video, request.purpose)
    fitting = [f for f in deep if f.bits == bits and f.subsampling in order]
    return sorted(fitting, key=lambda f: order.index(f.subsampling))


def _subsampling_order(video: VideoInfo, purpose: Purpose) -> list[tuple[int, int]]:
    order = list(_SUBSAMPLING_ORDER[purpose])
    own = video.layout.subsampling
    keep_own = purpose == "archive" or video.interlaced  # fields hold chroma lines of their own
    if video.layout.kind == "yuv" and keep_own and own in order:
        order.insert(0, order.pop(order.index(own)))
    odd = (video.width % 2, video.height % 2)
    return sorted(order, key=lambda s: bool((s[0] and odd[0]) or (s[1] and odd[1])))


def _first_that_opens(
    video: VideoInfo,
    muxer: str,
    encoder: str,
    layouts: Iterable[PixelLayout],
    request: EncoderRequest,
) -> EncoderPlan:
    refusals = []
    for layout in layouts:
        for time_base in _time_bases(video, muxer):
            plan = EncoderPlan(
                muxer=muxer,
                encoder=encoder,
                layout=layout,
                options=_options(video, muxer, encoder, layout, request),
                time_base=time_base,
                lossless_luma=layout.bits >= video.coding.bits,
            )
            try:
                return replace(plan, warnings=probe_encoder(plan, video))
            except EncoderRefusedError as refusal:
                refusals.append(str(refusal))
    raise UsageError((refusals or [f"{encoder} has no pixel format for this source"])[0])


def _options(
    video: VideoInfo, muxer: str, encoder: str, layout: PixelLayout, request: EncoderRequest
) -> dict[str, str]:
    """Our defaults for this encoder and source, under what the user asked for."""
    options = dict(ENCODER_OPTIONS.get(encoder, {}))
    asked = dict(request.options)
    if encoder == "libx264" and "avx512f" in cpu_flags():
        # its macroblock tree reads past its rows there: each run gives another film (core 165)
        options["x264-params"] = "asm=avx2"
    if encoder == "dnxhd" and layout.bits > 8:
        options["profile"] = "dnxhr_hqx" if layout.subsampling == (1, 0) else "dnxhr_444"
    if muxer in CONSTANT_RATE_MUXERS and encoder in ("libx264", "libx265"):
        options["bf"] = "0"  # FFmpeg's MXF gives reordered pictures the wrong time stamps
    if encoder == "ffv1" and min(video.width, video.height) < NARROW:
        options["slices"] = "1"
    if encoder in _JPEG_ENCODERS and not video.coding.full_range:
        options["strict"] = "unofficial"
    if _AMOUNT_OPTIONS & asked.keys():
        options = {k: v for k, v in options.items() if k not in _AMOUNT_OPTIONS | {"flags"}}
    for params in _PARAMETER_LISTS & asked.keys() & options.keys():
        asked[params] = f"{options[params]}:{asked[params]}"
    return {**options, **asked}


def _time_bases(video: VideoInfo, muxer: str) -> list[Fraction]:
    """The source's own; for encoders that count frames, one frame, for picky ones a common one.

    A frame that is not a tick of the source is only what the encoder believes: the packets get
    their true time stamps back (see `FilmWriter`).
    """
    frame = 1 / (video.rate or Fraction(25)).limit_denominator(1001)
    if muxer in CONSTANT_RATE_MUXERS:
        return [frame]
    return [video.time_base, frame, Fraction(1, 25)]
