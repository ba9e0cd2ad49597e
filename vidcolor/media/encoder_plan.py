"""Choice of encoder, pixel format and encoder options for an output.

Every plan is tested on a container in memory before work starts. An unknown option or an
unsupported frame size is therefore reported immediately.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import av

from vidcolor.color.ycbcr import Coding
from vidcolor.errors import UsageError
from vidcolor.media.encode import (
    EncoderPlan,
    EncoderRejectedError,
    probe_encoder,
    signals_interlacing,
)
from vidcolor.media.encoders import ENCODERS, Encoder, get_encoder
from vidcolor.media.frames import PixelLayout, get_pixel_layout

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from vidcolor.media.containers import Container
    from vidcolor.media.probe import VideoInfo
    from vidcolor.options import Purpose, Range

__all__ = ["EncoderPlan", "EncoderRequest", "plan_encoder"]

MIN_LIMITED_BITS = 10
"""Minimum bit depth of a conversion to limited range that is not requested. It keeps all levels of
8-bit full range distinct."""
_MAX_BITS = 16
_RATE_CONTROL_OPTIONS = {"crf", "qp", "cq", "b", "q", "global_quality", "lossless"}
"""Encoder options that control the bit rate. If the user sets one, all defaults among them are
dropped."""
_PARAMETER_LISTS = {"x264-params", "x265-params", "svtav1-params"}
"""Encoder options that are lists of parameters. The user's list is appended to the default."""
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
    range: Range | None = None
    """Luma range of the output. None keeps that of the source; for editing, it converts full range
    to limited range if the encoder supports `MIN_LIMITED_BITS`, because most editing programs
    assume limited range and ProRes cannot signal another."""


@dataclass(frozen=True, slots=True)
class _LumaTarget:
    """A range and the bit depths that an encoder must support."""

    full_range: bool
    bits: int
    """Bit depth that keeps all levels of the source distinct."""
    min_bits: int
    """Bit depth to which luma may be rounded if the encoder does not support `bits`."""
    converts_by_default: bool = False
    """Whether the range changes without a request of the user."""


def plan_encoder(video: VideoInfo, container: Container, request: EncoderRequest) -> EncoderPlan:
    """Choose encoder, pixel format and luma range for a source, and test them.

    Luma keeps its bit depth or gains bits, which is lossless. It loses bits only if the user's
    `pix_fmt` has fewer, or for editing if no encoder of the container supports its depth. Chroma
    subsampling may change, because all chroma is replaced.

    Raises:
        UsageError: the encoder or an option does not exist, or does not support the source.
    """
    *attempts, last = _list_attempts(video, container, request)
    for encoders, luma in attempts:
        with contextlib.suppress(UsageError):
            return _plan_attempt(video, container, encoders, luma, request)
    return _plan_attempt(video, container, *last, request)


def _list_attempts(
    video: VideoInfo, container: Container, request: EncoderRequest
) -> Iterator[tuple[list[Encoder], _LumaTarget]]:
    """Yield encoders and luma targets, the best first."""
    encoders = _list_encoders(container, request)
    targets = list(_list_luma_targets(video, request))
    lossy = [encoder for encoder in encoders if "archive" not in encoder.purposes]
    # Editing programs do not read FFV1, which is the encoder of archives.
    if request.purpose == "editing" and lossy and "archive" not in container.purposes:
        yield from ((lossy, luma) for luma in targets)
    yield from ((encoders, luma) for luma in targets)


def _list_encoders(container: Container, request: EncoderRequest) -> list[Encoder]:
    if request.encoder:
        return [get_encoder(request.encoder)]
    if container.encoders and request.purpose == "delivery":
        return list(map(get_encoder, container.encoders))
    return [encoder for encoder in ENCODERS.values() if request.purpose in encoder.purposes]


def _list_luma_targets(video: VideoInfo, request: EncoderRequest) -> Iterator[_LumaTarget]:
    bits, full_range = video.coding.bits, video.coding.full_range
    is_editing = request.purpose == "editing"
    if is_editing and full_range and request.range is None:
        limited_bits = max(MIN_LIMITED_BITS, min(_MAX_BITS, _count_level_bits(video) + 1))
        for min_bits in (limited_bits, MIN_LIMITED_BITS):
            yield _LumaTarget(False, limited_bits, min_bits, converts_by_default=True)
    if request.range in ("limited", "full"):
        full_range = request.range == "full"
    yield _LumaTarget(full_range, bits, min_bits=bits)
    if is_editing:
        yield _LumaTarget(full_range, bits, min_bits=1)


def _count_level_bits(video: VideoInfo) -> int:
    """Return the bit depth of the gray levels of the source; luma of R'G'B' has more bits."""
    return min(video.coding.bits, video.layout.bits)


def _plan_attempt(
    video: VideoInfo,
    container: Container,
    encoders: Sequence[Encoder],
    luma: _LumaTarget,
    request: EncoderRequest,
) -> EncoderPlan:
    """Return the plan of the first encoder that supports the luma target.

    Raises:
        UsageError: none does.
    """
    output = replace(video, coding=Coding(video.coding.bits, luma.full_range))
    errors: list[str] = []
    fallback: EncoderPlan | None = None
    for encoder in encoders:
        try:
            layouts = _list_candidates(output, encoder, luma, request)
        except UsageError as error:
            errors.append(str(error))
            continue
        try:
            plan = _plan_first_accepted(output, container, encoder, layouts, request)
        except UsageError as error:
            if request.options and not errors:
                raise  # The user's options were meant for this encoder.
            errors.append(str(error))
            continue
        if plan.warnings and encoder != encoders[-1] and container.encoders:
            fallback = fallback or plan  # Another encoder may signal all properties of the video.
            continue
        if plan.warnings and fallback is not None:
            plan = fallback
        plan = replace(plan, lossless_luma=_keeps_levels(video, plan))
        return _add_warnings(plan, video, request, errors)
    raise UsageError("; ".join(dict.fromkeys((errors[0], errors[-1]))))


def _keeps_levels(video: VideoInfo, plan: EncoderPlan) -> bool:
    """Return whether the output keeps all levels of the source's luma distinct."""
    if plan.full_range or not video.coding.full_range:
        return plan.layout.bits >= video.coding.bits
    return plan.layout.bits > _count_level_bits(video)


def _add_warnings(
    plan: EncoderPlan, video: VideoInfo, request: EncoderRequest, errors: Sequence[str]
) -> EncoderPlan:
    warnings = [*plan.warnings, *_describe_luma_changes(plan, video, request)]
    if errors:
        warnings.append(f"{errors[0]}; using {plan.encoder} instead")
    if video.interlaced and not signals_interlacing(plan):
        warnings.append(
            f"{plan.encoder} does not signal interlaced frames; players will not deinterlace them"
        )
    elif video.interlaced and plan.encoder in plan.container.progressive_encoders:
        warnings.append(
            f"{plan.encoder} in {plan.muxer} cannot signal interlaced frames; set the field order "
            "in the editor, or use an output ending in .mov"
        )
    return replace(plan, warnings=tuple(warnings))


def _describe_luma_changes(
    plan: EncoderPlan, video: VideoInfo, request: EncoderRequest
) -> Iterator[str]:
    source, bits = video.coding, plan.layout.bits
    range_name = "full" if plan.full_range else "limited"
    if plan.full_range != source.full_range and request.range:
        rounding = "" if plan.lossless_luma else f", rounded to {bits} bits"
        yield f"luma is converted to {range_name} range (--range){rounding}"
    elif plan.full_range != source.full_range:
        yield (
            "luma is converted to limited range, which editing programs expect; all levels stay "
            "distinct (--range source keeps full range)"
            if plan.lossless_luma
            else f"luma is rounded from {source.bits} bits in full range to {bits} bits in limited "
            "range, which editing programs expect; --range source keeps full range, and --for "
            "archive keeps all levels"
        )
    elif not plan.lossless_luma:
        reason = (
            f" (--pix-fmt {plan.layout.name})"
            if request.pix_fmt
            else f"; {plan.encoder} supports no more, and --for archive keeps {source.bits} bits"
        )
        yield f"luma is rounded from {source.bits} to {bits} bits{reason}"


def _list_pixel_layouts(encoder: str) -> list[PixelLayout]:
    """Return the layouts of the planar Y'CbCr formats that an encoder supports."""
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


def _list_candidates(
    video: VideoInfo, encoder: Encoder, luma: _LumaTarget, request: EncoderRequest
) -> list[PixelLayout]:
    """Return the layouts of the pixel formats to test, best first."""
    name, supported = encoder.name, _list_pixel_layouts(encoder.name)
    if min(video.width, video.height) < encoder.min_side:
        raise UsageError(
            f"{name} cannot encode frames smaller than {encoder.min_side} pixels; "
            "choose another --encoder"
        )
    if request.pix_fmt:
        requested = [f for f in supported if f.name == request.pix_fmt]
        if not requested:
            choices = ", ".join(f.name for f in supported)
            raise UsageError(
                f"{name} does not support pixel format {request.pix_fmt}; use one of: {choices}"
            )
        if luma.converts_by_default and requested[0].bits < luma.min_bits:
            raise UsageError(f"limited range needs {luma.min_bits} bits")
        return requested
    full_range = encoder.has_full_range_formats and video.coding.full_range
    in_range = [f for f in supported if f.full_range == full_range] or supported
    if not in_range:
        raise UsageError(f"{name} supports no planar Y'CbCr pixel format; choose another --encoder")
    deepest = max(in_range, key=lambda f: (f.bits, sum(f.subsampling)))
    deep = [f for f in in_range if f.bits >= max(luma.min_bits, min(luma.bits, deepest.bits))]
    if not deep:
        needed = f"the source has {video.coding.bits} bits"
        if luma.converts_by_default:
            needed = f"limited range needs {luma.min_bits} bits for the levels of the source"
        raise UsageError(
            f"{name} supports {deepest.bits}-bit luma and {needed}; choose another --encoder "
            f"(ffv1 supports all), or round luma with --pix-fmt {deepest.name}"
        )
    # More bits than necessary make files larger and are supported by fewer players.
    bits = min(f.bits for f in deep)
    order = _order_subsampling(video, request.purpose)
    candidates = [f for f in deep if f.bits == bits and f.subsampling in order]
    return sorted(candidates, key=lambda f: order.index(f.subsampling))


def _order_subsampling(video: VideoInfo, purpose: Purpose) -> list[tuple[int, int]]:
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
    container: Container,
    encoder: Encoder,
    layouts: Iterable[PixelLayout],
    request: EncoderRequest,
) -> EncoderPlan:
    """Return the plan with the first pixel format and time base that pass `probe_encoder`."""
    # The source's time base is best. Encoders that count frames need the frame duration, and some
    # accept common frame rates only. The time base of the encoder does not limit the output:
    # `VideoWriter` restores the source's timestamps in the encoded packets.
    rate = (video.rate or Fraction(25)).limit_denominator(1001)
    frame_duration = 1 / max(rate, Fraction(1, 1001))  # a damaged header can state any rate
    time_bases = [video.time_base, frame_duration, Fraction(1, 25)]
    if container.constant_rate:
        time_bases = [frame_duration]
    rejections = []
    for layout in layouts:
        for time_base in time_bases:
            plan = EncoderPlan(
                muxer=container.muxer,
                encoder=encoder.name,
                layout=layout,
                options=_merge_options(video, container, encoder, layout, request),
                time_base=time_base,
                full_range=video.coding.full_range,
            )
            try:
                return replace(plan, warnings=probe_encoder(plan, video))
            except EncoderRejectedError as rejection:
                rejections.append(str(rejection))
    unsupported = (
        f"{encoder.name} supports no pixel format for this source; choose another --encoder"
    )
    raise UsageError((rejections or [unsupported])[0])


def _merge_options(
    video: VideoInfo,
    container: Container,
    encoder: Encoder,
    layout: PixelLayout,
    request: EncoderRequest,
) -> dict[str, str]:
    options, requested = dict(encoder.options), dict(request.options)
    for quirk in encoder.quirks:
        if quirk.applies(video, container, layout):
            options = _extend(options, quirk.options)
    if encoder.hdr:
        options = _extend(options, encoder.hdr.make_options(video.hdr_metadata))
    if _RATE_CONTROL_OPTIONS & requested.keys():
        dropped = _RATE_CONTROL_OPTIONS | {"flags"}
        options = {k: v for k, v in options.items() if k not in dropped}
    return _extend(options, requested)


def _extend(options: dict[str, str], added: Mapping[str, str]) -> dict[str, str]:
    """Return options with others, which replace those of the same name or extend their lists."""
    lists = {
        name: f"{options[name]}:{added[name]}"
        for name in _PARAMETER_LISTS & options.keys() & added.keys()
    }
    return {**options, **added, **lists}
