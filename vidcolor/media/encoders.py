"""Choice of encoder, pixel format and encoder options for an output.

Every plan is tested on a container in memory before work starts. An unknown option or an
unsupported frame size is therefore reported immediately.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import av

from vidcolor.cpu import get_cpu_flags
from vidcolor.errors import UsageError
from vidcolor.media.encode import (
    CONSTANT_RATE_MUXERS,
    MUXERS,
    EncoderPlan,
    EncoderRejectedError,
    probe_encoder,
    signals_interlacing,
)
from vidcolor.media.frames import PixelLayout, get_pixel_layout

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vidcolor.media.probe import VideoInfo
    from vidcolor.options import Purpose

__all__ = ["MUXERS", "PURPOSE_ENCODERS", "EncoderPlan", "EncoderRequest", "plan_encoder"]

PURPOSE_ENCODERS: dict[Purpose, tuple[str, ...]] = {
    "delivery": ("libx264", "libx265", "ffv1"),
    "editing": ("prores_ks", "ffv1"),
    "archive": ("ffv1",),
}
"""Encoders by purpose, in order of preference.

The first that supports the source's bit depth without rounding is used.
"""

MUXER_ENCODERS = {
    "webm": ("libsvtav1", "libvpx-vp9"),
    "mxf": ("dnxhd", "prores_ks", "ffv1"),
}
"""Encoders for containers that support only few, in order of preference.

For delivery they take precedence over `PURPOSE_ENCODERS`.
"""

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
    # FFmpeg's own lossy encoders default to 200 kbit/s. 236 is quality 2 in units of 1/118.
    "mpeg2video": {"flags": "+qscale", "global_quality": "236"},
    "mpeg4": {"flags": "+qscale", "global_quality": "236"},
    "mjpeg": {"flags": "+qscale", "global_quality": "236"},
}
"""Default options by encoder."""

MIN_SIZE = {"libx265": 64}
"""Minimum side in pixels, by encoder. Below it, x265 corrupts memory instead of failing."""
MIN_MULTI_SLICE_SIDE = 16
"""Minimum side in pixels from which FFV1 can always split a frame into several slices."""

_RATE_CONTROL_OPTIONS = {"crf", "qp", "cq", "b", "q", "global_quality", "lossless"}
"""Encoder options that control the bit rate. If the user sets one, all defaults among them are
dropped."""
_PARAMETER_LISTS = {"x264-params", "x265-params"}
"""Encoder options that are lists of parameters. The user's list is appended to the default."""
_JPEG_ENCODERS = ("mjpeg",)
"""Encoders whose format is full range by definition. Limited range is an extension of FFmpeg."""

_SUBSAMPLING_ORDER: dict[Purpose, tuple[tuple[int, int], ...]] = {
    "delivery": ((1, 1), (1, 0), (0, 0)),
    "editing": ((1, 0), (0, 0), (1, 1)),
    "archive": ((1, 1), (1, 0), (0, 0)),
}
"""Chroma subsampling (log2, horizontal and vertical) in order of preference, by purpose."""


@dataclass(frozen=True, slots=True)
class EncoderRequest:
    """The user's options for the encoder."""

    purpose: Purpose = "delivery"
    encoder: str | None = None
    """FFmpeg's name of the encoder; None for the default of purpose and container."""
    options: tuple[tuple[str, str], ...] = ()
    """Encoder options that override the defaults."""
    pix_fmt: str | None = None
    """FFmpeg's name of the pixel format; None to choose it."""


def plan_encoder(video: VideoInfo, muxer: str, request: EncoderRequest) -> EncoderPlan:
    """Choose encoder and pixel format for a source, and test them.

    Luma keeps its bit depth or gains bits, which is lossless. It loses bits only if the user's
    `pix_fmt` has fewer. Chroma subsampling may change, because all chroma is replaced.

    Args:
        video: the source's video stream.
        muxer: FFmpeg's name of the output's muxer.
        request: the user's options.

    Raises:
        UsageError: the encoder or an option does not exist, or does not support the source.
    """
    encoders = (request.encoder,) if request.encoder else _default_encoders(muxer, request.purpose)
    errors: list[str] = []
    fallback: EncoderPlan | None = None
    for encoder in encoders:
        try:
            layouts = _list_candidates(video, encoder, request)
        except UsageError as error:
            errors.append(str(error))
            continue
        try:
            plan = _plan_first_accepted(video, muxer, encoder, layouts, request)
        except UsageError as error:
            if request.options and not errors:
                raise  # The user's options were meant for this encoder.
            errors.append(str(error))
            continue
        if plan.warnings and encoder != encoders[-1] and muxer in MUXER_ENCODERS:
            fallback = fallback or plan  # Another encoder may signal all properties of the video.
            continue
        if plan.warnings and fallback is not None:
            plan = fallback
        return _add_warnings(plan, video, errors)
    raise UsageError("; ".join(dict.fromkeys((errors[0], errors[-1]))))


def _add_warnings(plan: EncoderPlan, video: VideoInfo, errors: Sequence[str]) -> EncoderPlan:
    """Add warnings about a replaced encoder and about lost interlacing flags to a plan."""
    warnings = list(plan.warnings)
    if errors:
        warnings.append(f"{errors[0]}; using {plan.encoder} instead")
    if video.interlaced and not signals_interlacing(plan):
        warnings.append(
            f"{plan.encoder} does not signal interlaced frames; players will not deinterlace them"
        )
    return replace(plan, warnings=tuple(warnings))


def _default_encoders(muxer: str, purpose: Purpose) -> tuple[str, ...]:
    muxer_encoders = MUXER_ENCODERS.get(muxer)
    if muxer_encoders and purpose == "delivery":
        return muxer_encoders
    return PURPOSE_ENCODERS[purpose]


def list_pixel_layouts(encoder: str) -> list[PixelLayout]:
    """Return the layouts of the planar Y'CbCr formats that an encoder supports.

    Raises:
        UsageError: PyAV has no video encoder of this name.
    """
    try:
        codec = av.Codec(encoder, "w")
    except ValueError as error:
        raise UsageError(
            f"unknown encoder {encoder!r}; try libx264, libx265, libsvtav1, ffv1, prores_ks "
            "or dnxhd"
        ) from error
    if codec.type != "video":
        raise UsageError(f"{encoder} encodes {codec.type}, not video; choose another --encoder")
    names = [f.name for f in codec.video_formats or ()]
    planar = (n for n in names if n.startswith(("yuv4", "yuvj4")) and not n.endswith("be"))
    return [get_pixel_layout(n) for n in planar if "msb" not in n]


def _list_candidates(video: VideoInfo, encoder: str, request: EncoderRequest) -> list[PixelLayout]:
    """Return the layouts of the pixel formats to test, best first."""
    supported = list_pixel_layouts(encoder)
    min_size = MIN_SIZE.get(encoder, 1)
    if min(video.width, video.height) < min_size:
        raise UsageError(
            f"{encoder} cannot encode frames smaller than {min_size} pixels; "
            "choose another --encoder"
        )
    if request.pix_fmt:
        requested = [f for f in supported if f.name == request.pix_fmt]
        if not requested:
            choices = ", ".join(f.name for f in supported)
            raise UsageError(
                f"{encoder} does not support pixel format {request.pix_fmt}; use one of: {choices}"
            )
        return requested
    full_range = encoder in _JPEG_ENCODERS and video.coding.full_range
    in_range = [f for f in supported if f.full_range == full_range] or supported
    if not in_range:
        raise UsageError(
            f"{encoder} supports no planar Y'CbCr pixel format; choose another --encoder"
        )
    deep = [f for f in in_range if f.bits >= video.coding.bits]
    if not deep:
        deepest = max(in_range, key=lambda f: (f.bits, sum(f.subsampling)))
        raise UsageError(
            f"{encoder} supports {deepest.bits}-bit luma and the source has {video.coding.bits} "
            "bits; choose another --encoder (ffv1 supports all), or round luma with "
            f"--pix-fmt {deepest.name}"
        )
    # More bits than necessary make files larger and are supported by fewer players.
    bits = min(f.bits for f in deep)
    order = _order_subsampling(video, request.purpose)
    candidates = [f for f in deep if f.bits == bits and f.subsampling in order]
    return sorted(candidates, key=lambda f: order.index(f.subsampling))


def _order_subsampling(video: VideoInfo, purpose: Purpose) -> list[tuple[int, int]]:
    """Return chroma subsampling modes in order of preference for a source."""
    order = list(_SUBSAMPLING_ORDER[purpose])
    subsampling = video.layout.subsampling
    # Each field of an interlaced frame has its own chroma lines.
    keep = purpose == "archive" or video.interlaced
    if video.layout.kind == "yuv" and keep and subsampling in order:
        order.insert(0, order.pop(order.index(subsampling)))
    # Some encoders reject subsampled chroma if the size is odd, so such formats are tested last.
    odd = (video.width % 2, video.height % 2)
    return sorted(order, key=lambda s: bool((s[0] and odd[0]) or (s[1] and odd[1])))


def _plan_first_accepted(
    video: VideoInfo,
    muxer: str,
    encoder: str,
    layouts: Iterable[PixelLayout],
    request: EncoderRequest,
) -> EncoderPlan:
    """Return the plan with the first pixel format and time base that pass `probe_encoder`."""
    rejections = []
    for layout in layouts:
        for time_base in _list_time_bases(video, muxer):
            plan = EncoderPlan(
                muxer=muxer,
                encoder=encoder,
                layout=layout,
                options=_merge_options(video, muxer, encoder, layout, request),
                time_base=time_base,
                lossless_luma=layout.bits >= video.coding.bits,
            )
            try:
                return replace(plan, warnings=probe_encoder(plan, video))
            except EncoderRejectedError as rejection:
                rejections.append(str(rejection))
    unsupported = f"{encoder} supports no pixel format for this source; choose another --encoder"
    raise UsageError((rejections or [unsupported])[0])


def _merge_options(
    video: VideoInfo, muxer: str, encoder: str, layout: PixelLayout, request: EncoderRequest
) -> dict[str, str]:
    """Return the default encoder options for a source, overridden by the user's."""
    options = dict(ENCODER_OPTIONS.get(encoder, {}))
    requested = dict(request.options)
    if encoder == "libx264" and "avx512f" in get_cpu_flags():
        # x264's macroblock tree (core 165) reads past its rows with AVX-512. The output of each
        # run would differ.
        options["x264-params"] = "asm=avx2"
    if encoder == "dnxhd" and layout.bits > 8:
        options["profile"] = "dnxhr_hqx" if layout.subsampling == (1, 0) else "dnxhr_444"
    if muxer in CONSTANT_RATE_MUXERS and encoder in ("libx264", "libx265"):
        options["bf"] = "0"  # FFmpeg's MXF muxer writes wrong timestamps for B-frames.
    if encoder == "ffv1" and min(video.width, video.height) < MIN_MULTI_SLICE_SIDE:
        options["slices"] = "1"
    if encoder in _JPEG_ENCODERS and not video.coding.full_range:
        options["strict"] = "unofficial"
    if _RATE_CONTROL_OPTIONS & requested.keys():
        dropped = _RATE_CONTROL_OPTIONS | {"flags"}
        options = {k: v for k, v in options.items() if k not in dropped}
    for name in _PARAMETER_LISTS & requested.keys() & options.keys():
        requested[name] = f"{options[name]}:{requested[name]}"
    return {**options, **requested}


def _list_time_bases(video: VideoInfo, muxer: str) -> list[Fraction]:
    """Return the encoder time bases to test, best first.

    The source's time base is best. Encoders that count frames need the frame duration, and some
    accept common frame rates only. The time base of the encoder does not limit the output:
    `VideoWriter` restores the source's timestamps in the encoded packets.
    """
    frame_duration = 1 / (video.rate or Fraction(25)).limit_denominator(1001)
    if muxer in CONSTANT_RATE_MUXERS:
        return [frame_duration]
    return [video.time_base, frame_duration, Fraction(1, 25)]
