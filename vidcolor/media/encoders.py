"""Video encoders: one row for each, with what FFmpeg cannot be asked about it.

To add an encoder, add a row. `encoder_plan` asks FFmpeg for its pixel formats, and tests it in the
container. Encoders without a row work too, with FFmpeg's default options.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING, Literal

from vidcolor.system import get_cpu_flags

if TYPE_CHECKING:
    from vidcolor.media.containers import Container
    from vidcolor.media.frames import PixelLayout
    from vidcolor.media.hdr import HdrMetadata, MasteringDisplay
    from vidcolor.media.probe import VideoInfo
    from vidcolor.options import Purpose


@dataclass(frozen=True, slots=True)
class Quirk:
    """Options that an encoder needs in some cases."""

    applies: Callable[[VideoInfo, Container, PixelLayout], bool]
    options: Mapping[str, str]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HdrParameters:
    """Names and units of an encoder's parameters for static HDR metadata."""

    option: str
    """Encoder option that is a list of parameters, such as ``x264-params``."""
    mastering_display: str
    light_level: str
    chromaticity_unit: Fraction | None = None
    """Unit of the whole numbers of chromaticities; None if the encoder takes decimal numbers."""
    luminance_unit: Fraction | None = None
    """Unit of the whole numbers of luminances in cd/m²; None for decimal numbers."""

    def make_options(self, metadata: HdrMetadata) -> dict[str, str]:
        """Return the encoder options that write the metadata; empty if there is none."""
        values = []
        if metadata.mastering_display:
            display = self._format_display(metadata.mastering_display)
            values.append(f"{self.mastering_display}={display}")
        if metadata.light_level:
            values.append("{}={},{}".format(self.light_level, *metadata.light_level))
        return {self.option: ":".join(values)} if values else {}

    def _format_display(self, display: MasteringDisplay) -> str:
        points = (("G", display.green), ("B", display.blue), ("R", display.red),
                  ("WP", display.white))  # fmt: skip
        unit = self.chromaticity_unit
        text = "".join(f"{n}({_format(x, unit)},{_format(y, unit)})" for n, (x, y) in points)
        luminances = (display.max_luminance, display.min_luminance)
        return f"{text}L({','.join(_format(v, self.luminance_unit) for v in luminances)})"


def _format(value: Fraction, unit: Fraction | None) -> str:
    return str(round(value / unit)) if unit else f"{float(value):.10f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoder:
    """Options and properties of an encoder."""

    name: str
    """FFmpeg's name of the encoder."""
    options: Mapping[str, str] = field(default_factory=dict)
    purposes: tuple[Purpose, ...] = ()
    """Purposes that the encoder suits, in containers that support many encoders. The first row that
    supports the source's bit depth without rounding is used."""
    min_side: int = 1
    """Minimum side of a frame in pixels."""
    interlacing: Literal["", "signaled", "coded"] = ""
    """Whether interlaced frames are signaled in the bitstream or the container, and whether the
    encoder also has an interlaced coding mode."""
    progressive_profiles: str = ""
    """Prefix of the values of the option ``profile`` that are progressive only."""
    stores_aspect_ratio: bool = False
    """Whether the bitstream contains the pixel aspect ratio."""
    kept_side_data: tuple[str, ...] = ()
    """Types of side data of frames that the bitstream contains."""
    hdr: HdrParameters | None = None
    """Parameters for static HDR metadata; None if the encoder has none."""
    hardware: bool = False
    """Whether it needs hardware, which not every machine has."""
    has_full_range_formats: bool = False
    """Whether it encodes full range with pixel formats of its own, as JPEG does (``yuvj420p``)."""
    restoring_filter: tuple[str, str] | None = None
    """Codec, and bitstream filter that restores the encoder's packets from MP4. It converts length
    prefixes to start codes, which inserts the parameter sets of the header, and removes them."""
    quirks: tuple[Quirk, ...] = ()


_H264_FILTER = ("h264", "h264_mp4toannexb,filter_units=remove_types=7|8")
_HEVC_FILTER = ("hevc", "hevc_mp4toannexb,filter_units=remove_types=32-34")
_CAPTIONS = ("A53_CC",)
# Units of the SEI messages of H.264 and H.265.
_SEI_UNITS = {"chromaticity_unit": Fraction(1, 50000), "luminance_unit": Fraction(1, 10000)}
_SIDE_DATA_NAMES = {
    "A53_CC": "closed captions (CEA-608/708)",
    "MASTERING_DISPLAY_METADATA": "mastering display metadata (HDR10)",
    "CONTENT_LIGHT_LEVEL": "content light levels (HDR10)",
    "AMBIENT_VIEWING_ENVIRONMENT": "the ambient viewing environment (HDR)",
    "DYNAMIC_HDR_PLUS": "dynamic metadata (HDR10+)",
    "DYNAMIC_HDR_VIVID": "dynamic metadata (HDR Vivid)",
    "DOVI_METADATA": "dynamic metadata (Dolby Vision)",
    "SPHERICAL": "the projection of spherical video",
    "STEREO3D": "the layout of stereoscopic video",
    "S12M_TIMECODE": "timecodes of frames (SMPTE ST 12-1)",
    "AFD": "active format descriptions",
    "ICC_PROFILE": "ICC profiles",
    "EXIF": "EXIF",
    # Of the images of a sequence.
    "XMP": "XMP",
    "IPTC": "IPTC captions",
    "DPX_FILM": "the film fields of the DPX header",
    "EXR_ATTRIBUTES": "the OpenEXR attributes",
}
"""Side data that users may miss. Types without a row describe the encoding of the source, or are in
other properties of the video."""
_BOTTOM_FIRST = (3, 5)
"""FFmpeg's `AVFieldOrder` codes of bitstreams that start with the bottom field."""
# FFmpeg's own lossy encoders default to 200 kbit/s. 236 is quality 2 in units of 1/118.
_QUALITY_2 = {"flags": "+qscale", "global_quality": "236"}
_NO_B_FRAMES = Quirk(
    lambda video, container, layout: container.constant_rate,
    {"bf": "0"},
    "FFmpeg's MXF muxer writes wrong timestamps for B-frames.",
)

_ROWS = (
    Encoder(
        name="libx264",
        options={"crf": "16", "preset": "medium"},
        purposes=("delivery",),
        interlacing="coded",
        stores_aspect_ratio=True,
        kept_side_data=(*_CAPTIONS, "STEREO3D"),
        hdr=HdrParameters(
            option="x264-params",
            mastering_display="mastering-display",
            light_level="cll",
            **_SEI_UNITS,
        ),
        restoring_filter=_H264_FILTER,
        quirks=(
            Quirk(
                lambda video, container, layout: (
                    "avx512f" in get_cpu_flags() and ceil(video.width / 16) % 8 != 0
                ),
                {"x264-params": "asm=avx2"},
                "x264's macroblock tree (core 165) processes eight macroblocks at a time with "
                "AVX-512, and reads past the end of a row whose number is no multiple of eight. "
                "The output of each run would differ. AVX2 takes 7 % more processor time.",
            ),
            Quirk(
                lambda video, container, layout: (
                    video.interlaced and video.field_order in _BOTTOM_FIRST
                ),
                {"x264-params": "bff=1"},
                "FFmpeg states the order of the fields in each frame only. Players that use the "
                "order of decoding would show the top field first.",
            ),
            _NO_B_FRAMES,
        ),
    ),
    Encoder(
        name="libx265",
        options={
            "crf": "18",
            "preset": "medium",
            "x265-params": "log-level=error",
            "a53cc": "1",  # Captions. Only libx265 omits them by default.
        },
        purposes=("delivery",),
        min_side=64,  # Below it, x265 corrupts memory instead of failing.
        stores_aspect_ratio=True,
        kept_side_data=_CAPTIONS,
        hdr=HdrParameters(
            option="x265-params",
            mastering_display="master-display",
            light_level="max-cll",
            **_SEI_UNITS,
        ),
        restoring_filter=_HEVC_FILTER,
        quirks=(_NO_B_FRAMES,),
    ),
    Encoder(
        name="libsvtav1",
        options={"crf": "24", "preset": "8"},
        hdr=HdrParameters(
            option="svtav1-params",
            mastering_display="mastering-display",
            light_level="content-light",
        ),
    ),
    Encoder(name="libvpx-vp9", options={"crf": "24", "b": "0", "row-mt": "1", "cpu-used": "4"}),
    Encoder(
        name="prores_ks",
        options={"profile": "hq", "vendor": "apl0"},
        purposes=("editing",),
        interlacing="coded",
        quirks=(
            Quirk(
                lambda video, container, layout: layout.subsampling == (0, 0),
                {"profile": "4444"},
                "The codec tag of the 4:2:2 profiles (apch) promises 4:2:2.",
            ),
        ),
    ),
    Encoder(
        name="dnxhd",
        options={"profile": "dnxhr_hq"},
        interlacing="coded",
        progressive_profiles="dnxhr",
        quirks=(
            Quirk(
                lambda video, container, layout: layout.bits > 8 and layout.subsampling == (1, 0),
                {"profile": "dnxhr_hqx"},
                "Each DNxHR profile has one depth and subsampling.",
            ),
            Quirk(
                lambda video, container, layout: layout.bits > 8 and layout.subsampling != (1, 0),
                {"profile": "dnxhr_444"},
                "Each DNxHR profile has one depth and subsampling.",
            ),
        ),
    ),
    Encoder(
        name="ffv1",
        options={"level": "3", "g": "1", "slicecrc": "1"},
        purposes=("delivery", "editing", "archive"),
        interlacing="signaled",
        quirks=(
            Quirk(
                lambda video, container, layout: min(video.width, video.height) < 16,
                {"slices": "1"},
                "FFV1 cannot always split a smaller frame into several slices.",
            ),
        ),
    ),
    Encoder(
        name="h264_nvenc",
        options={"preset": "p5", "cq": "18"},
        interlacing="coded",
        stores_aspect_ratio=True,
        kept_side_data=_CAPTIONS,
        hardware=True,
        restoring_filter=_H264_FILTER,
    ),
    Encoder(
        name="hevc_nvenc",
        options={"preset": "p5", "cq": "20"},
        stores_aspect_ratio=True,
        kept_side_data=_CAPTIONS,
        hardware=True,
        restoring_filter=_HEVC_FILTER,
    ),
    Encoder(
        name="av1_nvenc",
        options={"preset": "p5", "cq": "24"},
        kept_side_data=_CAPTIONS,
        hardware=True,
    ),
    Encoder(name="h264_videotoolbox", hardware=True),
    Encoder(name="hevc_videotoolbox", hardware=True),
    Encoder(name="h264_amf", hardware=True),
    Encoder(name="hevc_amf", hardware=True),
    Encoder(name="av1_amf", hardware=True),
    Encoder(
        name="mpeg2video",
        options=_QUALITY_2,
        interlacing="coded",
        stores_aspect_ratio=True,
        kept_side_data=_CAPTIONS,
    ),
    Encoder(name="mpeg4", options=_QUALITY_2, interlacing="coded", stores_aspect_ratio=True),
    Encoder(
        name="mjpeg",
        options=_QUALITY_2,
        has_full_range_formats=True,
        quirks=(
            Quirk(
                lambda video, container, layout: not video.coding.full_range,
                {"strict": "unofficial"},
                "Limited range is an extension of FFmpeg.",
            ),
        ),
    ),
)
ENCODERS = {row.name: row for row in _ROWS}
"""All encoders with a row by name, in order of preference."""


def get_encoder(name: str) -> Encoder:
    """Return the row of an encoder, or a row of defaults if it has none."""
    return ENCODERS.get(name) or Encoder(name=name)


def describe_lost_side_data(
    encoder: str, side_data: Iterable[str], metadata: HdrMetadata | None = None
) -> list[str]:
    """Return the names of side data that an encoder does not write.

    `side_data` are types of PyAV, such as ``A53_CC``. `metadata` is what the encoder's options
    contain; None if it is known too late for them.
    """
    row = get_encoder(encoder)
    lost = set(side_data) - set(row.kept_side_data)
    if row.hdr and metadata:
        written = {
            "MASTERING_DISPLAY_METADATA": metadata.mastering_display,
            "CONTENT_LIGHT_LEVEL": metadata.light_level,
        }
        lost -= {kind for kind, value in written.items() if value}
    return [name for kind, name in _SIDE_DATA_NAMES.items() if kind in lost]


def find_restoring_filter(codec: str) -> str:
    """Return the `Encoder.restoring_filter` of a codec; empty if it needs none."""
    filters = dict(e.restoring_filter for e in ENCODERS.values() if e.restoring_filter)
    return filters.get(codec, "")
