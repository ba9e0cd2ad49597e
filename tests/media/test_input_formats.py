"""Lists of other files are refused, and no reader follows them."""

from __future__ import annotations

import shutil

import av
import pytest

from tests.helpers.clips import ffmpeg
from vidcolor.errors import InputError, OutputError
from vidcolor.media.ffmpeg_cli import remux_matroska
from vidcolor.media.input_formats import list_whitelists
from vidcolor.media.probe import probe

LISTS = {
    "an HLS playlist": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{film}\n#EXT-X-ENDLIST\n",
    "a list of files for FFmpeg": "\ufeffffconcat version 1.0\nfile {film}\n",
    "a session description": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\n"
    "m=video 5000 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    "an XML file": '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>\n',
}


@pytest.mark.parametrize("kind", LISTS)
def test_list_of_files_is_named(tmp_path, kind):
    path = tmp_path / "film.mp4"
    path.write_text(LISTS[kind].format(film="other.ts"))
    with pytest.raises(InputError, match=f"film.mp4: is {kind}.*; name the video file"):
        probe(path)


@pytest.mark.parametrize("kind", ["an HLS playlist", "a list of files for FFmpeg"])
def test_no_reader_follows_a_list(clip, tmp_path, kind):
    shutil.copy(clip("ts", "libx264", "yuv420p"), tmp_path / "other.ts")
    path = tmp_path / "film.mp4"
    path.write_text(LISTS[kind].format(film="other.ts").removeprefix("\ufeff"))
    with pytest.raises(av.FFmpegError):
        av.open(str(path), options=list_whitelists())
    with pytest.raises(OutputError):
        remux_matroska(path, tmp_path / "out.mkv", "matroska")


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "mpg", "avi", "mxf", "nut", "m2v", "dv"])
def test_formats_of_films_are_permitted(clip, tmp_path, suffix):
    if suffix == "dv":
        source = clip(suffix, "dvvideo", "yuv420p", size=(720, 576), rate=25, frames=1)
    else:
        source = clip(suffix, "mpeg2video", "yuv420p", rate=25)
    assert probe(source).video.width
    whitelists = [text for k, v in list_whitelists().items() for text in (f"-{k}", v)]
    ffmpeg(*whitelists, "-i", str(source), "-c", "copy", "-f", "null", "-")
