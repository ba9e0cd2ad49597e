"""Films must be recognized as gray, tinted or in color."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vidcolor.media.probe import probe

if TYPE_CHECKING:
    from tests.helpers.clips import ClipMaker

FILTERS = {
    "gray": "null",
    "tinted": "geq=lum='lum(X,Y)':cb=108:cr=150",
    "color": "geq=lum='lum(X,Y)':cb='64+X':cr='192-X'",
}


@pytest.mark.parametrize("expected", FILTERS)
def test_films_are_classified(clip: ClipMaker, expected: str) -> None:
    film = clip(vf=f"format=yuv444p,{FILTERS[expected]}", pix_fmt="yuv444p")
    assert probe(film).video.tint == expected


def test_a_silent_film_with_scenes_in_different_hues_is_tinted(clip: ClipMaker) -> None:
    hues = "cb='if(lt(N,6),100,156)':cr='if(lt(N,6),156,110)'"
    film = clip(vf=f"format=yuv444p,geq=lum='lum(X,Y)':{hues}", pix_fmt="yuv444p")
    assert probe(film).video.tint == "tinted"


@pytest.mark.parametrize("container", ["mp4", "mkv"])
@pytest.mark.parametrize("start", ["16", "lum(X,Y)"], ids=["black", "gray"])
def test_a_short_clip_in_color_that_begins_without_is_in_color(
    clip: ClipMaker, container: str, start: str
) -> None:
    luma = f"'if(lt(N,9),{start},lum(X,Y))'"
    color = f"geq=lum={luma}:cb='if(lt(N,9),128,64+X)':cr='if(lt(N,9),128,192-X)'"
    codec = ("libx264", "yuv444p", "-g", "999")
    film = clip(container, *codec, frames=40, vf=f"format=yuv444p,{color}")
    assert probe(film).video.tint == "color"
