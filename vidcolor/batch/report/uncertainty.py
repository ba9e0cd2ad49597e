"""The doubtful regions of a result in plain values, with rows for a file of hints."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from fractions import Fraction

    from vidcolor.film.pipeline import FilmResult
    from vidcolor.film.shot_uncertainty import ShotUncertainty
    from vidcolor.media.probe import VideoInfo
    from vidcolor.photo import PhotoResult
    from vidcolor.uncertainty import UncertainRegion

UNKNOWN_COLOR = "?"
"""Stands in a row of hints where a person shall write the color."""
_SURE_SHARE = 0.5
"""Radius of a hint, as a share of the largest disc that stays inside the region."""


class HintRow(TypedDict, total=False):
    """A row of ``hints.json`` that lacks its color alone."""

    file: str
    """Of a photograph: its name."""
    frame: int
    """Of a film: the frame's number from 0; left out of a trimmed film."""
    time: float
    """Of a trimmed film, instead: seconds into the source, at the middle of the frame."""
    x: int
    """Pixels from the left of the displayed picture."""
    y: int
    """Pixels from its top."""
    radius: int
    """Pixels."""
    color: str
    """``?``, to be replaced."""


class RegionRecord(TypedDict):
    """A region whose color is doubtful; fractions are of the displayed width and height."""

    box: list[float]
    """Left, top, right, bottom as fractions."""
    box_px: list[int]
    """The same in pixels; right and bottom are the first column and row outside."""
    point: list[float]
    """x, y well inside the region, as fractions."""
    outline: list[list[float]]
    """Corners x, y of the polygon around it, as fractions."""
    area: float
    """Share of the picture."""
    confidence: float
    """Mean in it, 0 to 1."""
    need: float
    """Doubt that can be seen, summed over it: 1 is a whole picture of utter doubt."""
    hint: HintRow
    """To be copied into a file of hints."""


class ShotRecord(TypedDict):
    """A shot, or a photograph, and where a person's knowledge would help it most.

    Times are seconds since the first frame of the source. Frames are counted from 0 at the first
    one that was colored (with ``--start``: from there). Of a photograph all are 0.
    """

    shot: int
    """From 1."""
    first_frame: int
    last_frame: int
    start_s: float
    end_s: float
    confidence: float | None
    """Mean over the shot; None of a photograph."""
    need: float
    """Visible doubt summed over picture and time: seconds of a whole picture of utter doubt. Of a
    photograph: of its regions, without time."""
    frame: int
    """The frame that the regions lie on: the one with the greatest need."""
    time_s: float
    regions: list[RegionRecord]
    """Three at most, the greatest need first; empty where the generator is sure."""


def doubts_of_film(result: FilmResult, trimmed: bool) -> list[ShotRecord] | None:
    """Rows for every shot, in order; None if they were not looked for.

    Args:
        result: what came of the film.
        trimmed: whether it was begun later than at its first frame.
    """
    size = displayed_size(result.plan.video)
    return [_shot(n, s, size, trimmed) for n, s in enumerate(result.doubts, start=1)] or None


def doubts_of_photo(result: PhotoResult) -> list[ShotRecord] | None:
    """The one row of a photograph; None if its regions were not looked for."""
    if result.size is None or result.doubts is None:
        return None
    name, size = HintRow(file=result.source.name), result.size
    return [
        ShotRecord(
            shot=1,
            first_frame=0,
            last_frame=0,
            start_s=0.0,
            end_s=0.0,
            confidence=None,
            need=round(sum(r.need for r in result.doubts), 5),
            frame=0,
            time_s=0.0,
            regions=[_region(r, size, name) for r in result.doubts],
        )
    ]


def displayed_size(video: VideoInfo) -> tuple[int, int]:
    """Width and height of a film as displayed, with square pixels."""
    width = round(video.width * (video.sample_aspect_ratio or 1))
    return (width, video.height) if video.quarter_turns % 2 == 0 else (video.height, width)


def _shot(number: int, shot: ShotUncertainty, size: tuple[int, int], trimmed: bool) -> ShotRecord:
    middle_s = round(float((shot.time_s + shot.frame_end_s) / 2), 3)
    when = HintRow(time=middle_s) if trimmed else HintRow(frame=shot.frame)
    return ShotRecord(
        shot=number,
        first_frame=shot.first_frame,
        last_frame=shot.last_frame,
        start_s=_seconds(shot.start_s),
        end_s=_seconds(shot.end_s),
        confidence=round(shot.confidence, 4),
        need=round(shot.need, 5),
        frame=shot.frame,
        time_s=_seconds(shot.time_s),
        regions=[_region(r, size, when) for r in shot.regions],
    )


def _region(region: UncertainRegion, size: tuple[int, int], where: HintRow) -> RegionRecord:
    width, height = size
    left, top, right, bottom = region.box
    radius = region.radius * min(size) * _SURE_SHARE
    hint = where | HintRow(
        x=min(int(region.point[0] * width), width - 1),
        y=min(int(region.point[1] * height), height - 1),
        radius=max(1, round(radius)),
        color=UNKNOWN_COLOR,
    )
    return RegionRecord(
        box=[round(v, 4) for v in region.box],
        box_px=[
            round(left * width), round(top * height), round(right * width), round(bottom * height)
        ],
        point=[round(v, 4) for v in region.point],
        outline=[[round(x, 4), round(y, 4)] for x, y in region.outline],
        area=round(region.area, 4),
        confidence=round(region.confidence, 4),
        need=round(region.need, 5),
        hint=hint,
    )  # fmt: skip


def _seconds(time_s: Fraction) -> float:
    return round(float(time_s), 6)
