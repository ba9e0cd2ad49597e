"""Containers of films: one row for each, with what FFmpeg cannot be asked about it.

To add a container, add a row. `streams` asks FFmpeg which codecs a container can hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, get_args

from vidcolor.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from vidcolor.options import Purpose

Feature = Literal[
    "attachments", "chapters", "cover art", "reel", "subtitles", "tags", "timecode", "titles"
]
QUICKTIME_PREFIX = "com.apple.quicktime."
"""Prefix of tags in MOV files of iPhones: location, date, make, model."""
SEQUENCE_MUXER = "image2"
"""Name of the row for numbered images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """What a container can hold, and how it is written."""

    muxer: str
    """FFmpeg's name of the muxer, or of the demuxer if the container is only read."""
    extensions: tuple[str, ...] = ()
    """Extensions of results, the default first. Empty if the container is only read."""
    read_extensions: tuple[str, ...] = ()
    """Further extensions of videos that are found in folders."""
    purposes: tuple[Purpose, ...] = ()
    """Purposes that the container suits. The first row with a purpose is its default. A result for
    delivery keeps the container of its source if that suits delivery."""
    encoders: tuple[str, ...] = ()
    """Encoders for delivery, best first, if the container supports only few. The next is tried if
    one cannot signal a property of the video."""
    segment_muxers: tuple[str, ...] = ("mp4", "mov", "matroska")
    """Containers of segments, best first. Of MP4 and MOV, only MP4 supports FFV1 and only MOV
    supports ProRes. NUT supports all encoders, but changes the timestamps of packets."""
    options: Mapping[str, str] = field(default_factory=dict)
    final_options: Mapping[str, str] = field(default_factory=dict)
    """Options of the muxer for results. Segments, which are temporary, use `options`."""
    has_quicktime_keys: bool = False
    """Whether tags that start with `QUICKTIME_PREFIX` need a flag of the muxer. With the flag,
    other tags, such as ``title``, are not stored as user data, which older players read."""

    codec_tags: Mapping[str, str] = field(default_factory=dict)
    """Codec tags of video, by codec, where the default of the muxer is not the best."""
    time_base: Fraction | None = None
    """Unit of timestamps in seconds; None if the muxer adopts that of the stream."""
    constant_rate: bool = False
    """Whether it stores a frame rate instead of timestamps."""
    rates: Sequence[Fraction] = ()
    """Supported frame rates in frames per second; empty if all are."""
    edit_lists: bool = False
    """Whether the start of a stream is stored in units of a movie timescale, and the duration of a
    track is computed from DTS."""
    max_audio_offset_s: float | None = None
    """Maximum offset between audio and video, in seconds; None if any offset can be signaled."""
    aspect_ratio: Literal["stored", "encoder", "ffmpeg"] = "stored"
    """How the pixel aspect ratio is stored: by the muxer, by the encoder alone, or by the ffmpeg
    command, because PyAV never sets the aspect ratio of a stream."""

    holds: Sequence[Feature] = ("chapters", "subtitles", "tags", "titles")
    """What it can hold. Cover art is an attachment if it holds attachments, otherwise a stream.
    ``reel`` and ``timecode`` are the reel name and the timecode of the first frame. Without
    ``tags``, it stores only a fixed set. ``titles`` are names of tracks that are written from the
    metadata key ``title``."""
    roles: Sequence[str] = ()
    """Dispositions of `probe.ROLES` that the muxer stores for audio and subtitles."""
    progressive_encoders: tuple[str, ...] = ()
    """Encoders whose video the muxer always signals as progressive."""
    subtitle_format: tuple[str, str] | None = None
    """Codec of converted text subtitles, and the muxer of a file that contains only them."""
    appends_audio: bool = False
    """Whether the ffmpeg command can add audio that PyAV rejects, such as WMA."""
    needs_channel_layout: bool = False
    """Whether PCM needs a known order of the channels."""
    rarely_supported_audio: tuple[str, ...] = ()
    """Prefixes of audio codecs that it can hold, but few players decode there."""
    languages: Mapping[str, str] = field(default_factory=dict)
    """Equivalent language codes that the muxer supports, by code that it lacks."""
    comment_key: str = "comment"
    """Name of the tag that holds the provenance of a result."""
    trial_encoder: str = ""
    """Encoder of test files, which show the tags and streams that fit beside a video. It is needed
    if tags are fixed or the first stream must be video."""

    def convert_language(self, tag: str) -> str:
        """Return the code for a language (BCP 47) that the muxer supports, or the tag itself."""
        if not self.languages:
            return tag
        primary = tag.partition("-")[0].lower()
        code = _ISO_639_2.get(primary, primary)
        return self.languages.get(code, code)

    def check_rate(self, path: Path, rate: Fraction | None) -> None:
        """Refuse a result whose frame rate the container does not support.

        Raises:
            UsageError: the rate is not supported.
        """
        if self.rates and rate and rate not in self.rates:
            supported = ", ".join(f"{float(supported):.5g}" for supported in self.rates)
            raise UsageError(
                f"{path}: {self.muxer} does not support {rate} frames per second, only "
                f"{supported}; use an output ending in .mov"
            )

    def add_tag_options(self, options: Mapping[str, str], tags: Iterable[str]) -> dict[str, str]:
        """Return the muxer options `options` with those that tags of these names need."""
        added = dict(options)
        if self.has_quicktime_keys and any(tag.startswith(QUICKTIME_PREFIX) for tag in tags):
            added["movflags"] = options.get("movflags", "") + "+use_metadata_tags"
        return added


# QuickTime and Apple devices do not play FFmpeg's default, hev1.
_APPLE_TAGS = {"hevc": "hvc1"}
_COLOR_TAGS = "+write_colr"  # Stores range and matrix even without primaries and transfer.
_ISO_639_2 = {
    "ar": "ara", "bg": "bul", "bn": "ben", "bs": "bos", "ca": "cat", "cs": "ces", "cy": "cym",
    "da": "dan", "de": "deu", "el": "ell", "en": "eng", "es": "spa", "et": "est", "eu": "eus",
    "fa": "fas", "fi": "fin", "fr": "fra", "ga": "gle", "gl": "glg", "gu": "guj", "he": "heb",
    "hi": "hin", "hr": "hrv", "hu": "hun", "hy": "hye", "id": "ind", "is": "isl", "it": "ita",
    "ja": "jpn", "ka": "kat", "kk": "kaz", "kn": "kan", "ko": "kor", "la": "lat", "lt": "lit",
    "lv": "lav", "mk": "mkd", "ml": "mal", "mn": "mon", "mr": "mar", "ms": "msa", "nb": "nob",
    "nl": "nld", "nn": "nno", "no": "nor", "pa": "pan", "pl": "pol", "pt": "por", "ro": "ron",
    "ru": "rus", "sk": "slk", "sl": "slv", "sq": "sqi", "sr": "srp", "sv": "swe", "sw": "swa",
    "ta": "tam", "te": "tel", "th": "tha", "tr": "tur", "uk": "ukr", "ur": "urd", "vi": "vie",
    "yi": "yid", "zh": "zho",
}  # fmt: skip
"""ISO 639-2 codes of common languages by ISO 639-1 code."""
_QUICKTIME_LANGUAGES = {
    "bod": "tib", "cym": "wel", "cze": "ces", "deu": "ger", "ell": "gre", "eus": "baq",
    "fre": "fra", "hrv": "hr ", "hye": "arm", "isl": "ice", "kat": "geo", "mkd": "mac",
    "msa": "may", "mya": "bur", "nld": "dut", "ron": "rum", "slo": "slk", "sqi": "alb",
    "swe": "sve", "zho": "chi",
}  # fmt: skip
_WITHOUT_RANDOM_UIDS = {"fflags": "+bitexact"}
"""The same film then gives the same bytes. Editing programs need the random UMIDs of MXF."""
_MXF_RATES = tuple(
    sorted(
        (
            *map(Fraction, (24, 25, 30, 48, 50, 60, 72, 75, 90, 96, 100, 120)),
            *(Fraction(fps * 1000, 1001) for fps in (24, 30, 48, 60, 72, 90, 96, 120)),
        )
    )
)
"""Frame rates that FFmpeg's muxer accepts."""

_ROWS = (
    Container(
        muxer="mp4",
        extensions=(".mp4", ".m4v"),
        purposes=("delivery",),
        options={"movflags": _COLOR_TAGS},
        final_options={"movflags": "+faststart" + _COLOR_TAGS},
        codec_tags=_APPLE_TAGS,
        edit_lists=True,
        holds=("chapters", "cover art", "subtitles", "timecode", "titles"),
        roles=(
            *("dub", "comment", "forced", "hearing_impaired", "visual_impaired", "captions"),
            "descriptions",
        ),
        subtitle_format=("mov_text", "mp4"),
        languages=_ISO_639_2,
        needs_channel_layout=True,
        rarely_supported_audio=("pcm",),  # PCM in MP4 is recent (ISO/IEC 23003-5).
        trial_encoder="mpeg4",
    ),
    Container(
        muxer="mov",
        extensions=(".mov",),
        read_extensions=(".qt", ".f4v", ".mj2"),
        purposes=("delivery", "editing"),
        options={"movflags": _COLOR_TAGS},
        final_options={"movflags": "+faststart" + _COLOR_TAGS},
        has_quicktime_keys=True,
        codec_tags=_APPLE_TAGS,
        edit_lists=True,
        holds=("chapters", "reel", "subtitles", "timecode", "titles"),
        subtitle_format=("mov_text", "mp4"),
        languages=_QUICKTIME_LANGUAGES,
        trial_encoder="mpeg4",
    ),
    Container(
        muxer="matroska",
        extensions=(".mkv",),
        purposes=("delivery", "archive"),
        # Otherwise audio that starts before 0 (AAC, Vorbis) would delay all streams.
        options={"avoid_negative_ts": "disabled"},
        final_options=_WITHOUT_RANDOM_UIDS,
        time_base=Fraction(1, 1000),
        aspect_ratio="ffmpeg",
        holds=get_args(Feature),
        roles=("dub", "original", "comment", "forced", "hearing_impaired", "visual_impaired"),
        subtitle_format=("subrip", "matroska"),
        appends_audio=True,
    ),
    Container(
        muxer="webm",
        extensions=(".webm",),
        purposes=("delivery",),
        encoders=("libsvtav1", "libvpx-vp9"),
        options={"avoid_negative_ts": "disabled"},
        final_options=_WITHOUT_RANDOM_UIDS,
        time_base=Fraction(1, 1000),
        aspect_ratio="ffmpeg",
        holds=("chapters", "reel", "subtitles", "tags", "timecode", "titles"),
        roles=("forced",),
        subtitle_format=("webvtt", "webm"),
    ),
    Container(
        muxer="mxf",
        extensions=(".mxf",),
        encoders=("dnxhd", "prores_ks", "ffv1"),
        segment_muxers=("mxf",),
        constant_rate=True,
        rates=_MXF_RATES,
        max_audio_offset_s=0.02,  # MXF cannot signal an offset.
        aspect_ratio="encoder",
        progressive_encoders=("prores_ks",),
        holds=("reel", "timecode"),
        trial_encoder="mpeg2video",
        comment_key="comment_vidcolor",  # a user comment; MXF has no other free text
    ),
    Container(muxer=SEQUENCE_MUXER, holds=()),
    # Containers that are only read.
    Container(muxer="avi", read_extensions=(".avi", ".divx")),
    Container(muxer="nut", read_extensions=(".nut",)),
    # Camcorders with a hard disk write .mod (MPEG-PS) and .tod (MPEG-TS), DVD recorders .vro.
    Container(
        muxer="mpeg",
        read_extensions=(
            *(".mpg", ".mpeg", ".mpe", ".m1v", ".m2v", ".m2p", ".vob", ".vro", ".evo", ".mod"),
        ),
    ),
    Container(muxer="mpegts", read_extensions=(".ts", ".m2ts", ".mts", ".m2t", ".tod", ".trp")),
    Container(muxer="dv", read_extensions=(".dv", ".dif")),
    Container(muxer="3gp", read_extensions=(".3gp", ".3g2")),
    Container(muxer="ogg", read_extensions=(".ogv", ".ogm")),
    Container(muxer="asf", read_extensions=(".wmv", ".asf")),
    Container(muxer="flv", read_extensions=(".flv",)),
    Container(muxer="rm", read_extensions=(".rm", ".rmvb")),
    Container(muxer="yuv4mpegpipe", read_extensions=(".y4m",)),
    Container(muxer="h264", read_extensions=(".h264", ".264")),
    Container(muxer="hevc", read_extensions=(".hevc", ".265")),
    Container(muxer="mjpeg", read_extensions=(".mjpg", ".mjpeg")),
)
CONTAINERS = {row.muxer: row for row in _ROWS}
"""All containers by muxer, in order of preference."""


def list_extensions(purpose: Purpose | None = None) -> list[str]:
    """Return the extensions of results, of all containers or of those that suit a purpose."""
    rows = (c for c in CONTAINERS.values() if purpose is None or purpose in c.purposes)
    return [extension for row in rows for extension in row.extensions]


def find_container(path: Path) -> Container:
    """Return the container of a result by its extension.

    Raises:
        UsageError: no container has this extension.
    """
    for container in CONTAINERS.values():
        if path.suffix.lower() in container.extensions:
            return container
    kind = f"a {path.suffix} file" if path.suffix else "a file without extension"
    choices = ", ".join(list_extensions())
    raise UsageError(f"{path}: cannot write video to {kind}; use one of {choices}")


def is_video_name(path: Path) -> bool:
    """Return whether a file name has the extension of a video format."""
    suffix = path.suffix.lower()
    return any(suffix in (*c.extensions, *c.read_extensions) for c in CONTAINERS.values())
