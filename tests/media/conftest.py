"""Films with several streams, as fixtures of the tests of media."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from tests.helpers.clips import TWO_TONES, ffmpeg

TRACKS = (
    *("-metadata:s:v:0", "language=ger"),
    *("-metadata:s:a:0", "language=eng", "-metadata:s:a:0", "title=Original"),
    *("-metadata:s:a:1", "language=fra", "-metadata:s:a:1", "title=Commentaire"),
    *("-disposition:a:0", "default", "-disposition:a:1", "comment"),
    *("-metadata:s:s:0", "language=deu", "-metadata:s:s:0", "title=Voll"),
    *("-disposition:s:0", "forced"),
)


SRT = """1
00:00:00,100 --> 00:00:00,600
Hallo <i>Welt</i>

2
00:00:00,700 --> 00:00:00,900
zwei
Zeilen

3
00:00:01,000 --> 00:00:01,400
Ende
"""


ASS = """[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize
Style: Default,Serif,16

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:00.10,0:00:00.60,Default,,0,0,0,,{\\i1}Hallo{\\i0} Welt
Dialogue: 0,0:00:00.70,0:00:00.90,Default,,0,0,0,,zwei\\NZeilen
"""


TAGS = """;FFMETADATA1
title=Film
artist=Anonymous
comment=seen at the pier
date=1931
genre=Drama
copyright=PD
creation_time=2003-04-05T06:07:08.000000Z
[CHAPTER]
TIMEBASE=1/1000
START=0
END=500
title=Eins
[CHAPTER]
TIMEBASE=1/1000
START=500
END=1000
title=Zwei ä
[CHAPTER]
TIMEBASE=1/1000
START=1000
END=1668
title=Drei
"""


@pytest.fixture(scope="session")
def extras(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files by extension: subtitles, tags, an image, and random bytes in place of a font."""
    directory = tmp_path_factory.mktemp("extras")
    files = {"srt": SRT, "ass": ASS, "txt": TAGS}
    for suffix, text in files.items():
        (directory / f"x.{suffix}").write_text(text)
    ffmpeg("-f", "lavfi", "-i", "color=red:s=32x32", "-frames:v", "1", str(directory / "x.png"))
    (directory / "x.ttf").write_bytes(bytes(range(256)) * 20)
    return {p.suffix[1:]: p for p in directory.iterdir()}


@pytest.fixture(scope="session")
def rich(clip, extras):
    """A factory of clips with audio, subtitles, chapters and tags.

    Matroska clips also have an attachment; others have a timecode.
    """

    def make(suffix: str, vf: str = "null") -> Path:
        inputs = (*TWO_TONES, "-i", str(extras["srt"]), "-i", str(extras["ass"]),
                  "-i", str(extras["txt"]))  # fmt: skip
        maps = [word for n in range(5) for word in ("-map", str(n))]
        maps += ["-map_metadata", "5", "-map_chapters", "5", *TRACKS]
        if suffix == "mkv":
            codecs = ("-c:a", "flac", "-c:s", "copy", "-attach", str(extras["ttf"]),
                   "-metadata:s:t:0", "mimetype=application/x-truetype-font",
                   "-metadata:s:t:0", "filename=Pier.ttf")  # fmt: skip
        else:
            codecs = ("-c:a", "aac", "-c:s", "mov_text", "-timecode", "01:00:00:00")
        return clip(suffix, "libx264", "yuv420p", *maps, *codecs, inputs=inputs, frames=40, vf=vf)

    return make


@pytest.fixture(scope="session")
def late(clip):
    """A factory of films whose audio begins after the 5 MB that FFmpeg probes by default."""

    def make(suffix: str, codec: str = "mpeg2video", audio: str = "ac3") -> Path:
        intra = ("-g", "1", "-qscale:v", "1", "-q:a", "2")
        inputs = ("-itsoffset", "2", *TWO_TONES[:6])
        return clip(suffix, codec, "yuv420p", "-map", "0", "-map", "1", "-c:a", audio, *intra,
                    inputs=inputs, size=(352, 288), frames=75, rate=Fraction(25),
                    vf="noise=alls=90:allf=t")  # fmt: skip

    return make
