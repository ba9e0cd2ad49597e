"""JSON records of the uncertain regions of a result, with hint rows without a color."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from vidcolor.imaging.geometry import compute_displayed_size

if TYPE_CHECKING:
    from fractions import Fraction

    from vidcolor.film.request import FilmResult
    from vidcolor.photo import PhotoResult
    from vidcolor.uncertainty import ShotUncertainty, UncertainRegion

COLOR_PLACEHOLDER = "?"
"""Value of the color in a hint row, to be replaced by the user."""
_HINT_RADIUS_SHARE = 0.5
"""Radius of a hint disc relative to the largest disc inside the region."""


class HintRow(TypedDict, total=False):
    """A row of a hint file in which the color is missing."""

    file: str
    """File name of a photo."""
    frame: int
    """Frame number of a film, from 0; absent if the film was trimmed."""
    time: float
    """Time of the middle of the frame in the source, in seconds; only if the film was trimmed."""
    x: int
    """Pixels from the left edge of the displayed image."""
    y: int
    """Pixels from the top edge of the displayed image."""
    radius: int
    """Radius in pixels."""
    color: str
    """`COLOR_PLACEHOLDER`, to be replaced by a color."""


class RegionRecord(TypedDict):
    """An uncertain region. Fractions are relative to the displayed width and height."""

    box: list[float]
    """Left, top, right, bottom, in fractions."""
    box_px: list[int]
    """Left, top, right, bottom, in pixels; right and bottom are exclusive."""
    point: list[float]
    """x, y of a point inside the region, away from its edge, in fractions."""
    outline: list[list[float]]
    """Corners x, y of the polygon around the region, in fractions."""
    area: float
    """Area as a fraction of the image."""
    confidence: float
    """Mean confidence in the region, 0 to 1."""
    review_priority: float
    """Visible uncertainty summed over the region; 1 for a fully uncertain image."""
    hint: HintRow
    """A row for a hint file."""


class ShotRecord(TypedDict):
    """A shot, or a photo, with the regions where a hint would help most.

    Times are in seconds from the first frame of the source. Frame 0 is the first colorized frame,
    at ``--start``. All times and frame numbers of a photo are 0.
    """

    shot: int
    """Number of the shot, from 1."""
    first_frame: int
    """First frame of the shot."""
    last_frame: int
    """Last frame of the shot, inclusive."""
    start_s: float
    """Time of the first frame."""
    end_s: float
    """End of the last frame."""
    confidence: float | None
    """Mean confidence of the shot; None for a photo."""
    review_priority: float
    """Visible uncertainty summed over image and time, in seconds of a fully uncertain image. For a
    photo it is the sum over its regions."""
    frame: int
    """Frame with the highest review priority, in which the regions were found."""
    time_s: float
    """Time of that frame."""
    regions: list[RegionRecord]
    """At most three regions, by decreasing review priority; empty if no region is uncertain."""


def film_uncertainty(result: FilmResult, is_trimmed: bool) -> list[ShotRecord] | None:
    """Return a record of every shot, in order; None if the model has no confidence.

    Args:
        result: result of the film.
        is_trimmed: whether the film starts at ``--start`` instead of its first frame.
    """
    video = result.plan.video
    aspect = video.sample_aspect_ratio or 1
    size = compute_displayed_size(video.width, video.height, aspect, video.quarter_turns)
    shots = enumerate(result.shot_uncertainty, start=1)
    return [_shot_record(number, shot, size, is_trimmed) for number, shot in shots] or None


def photo_uncertainty(result: PhotoResult) -> list[ShotRecord] | None:
    """Return the only record of a photo; None if the model has no confidence."""
    if result.size is None or result.uncertain_regions is None:
        return None
    file, size = HintRow(file=result.source.name), result.size
    return [
        ShotRecord(
            shot=1,
            first_frame=0,
            last_frame=0,
            start_s=0.0,
            end_s=0.0,
            confidence=None,
            review_priority=round(sum(region.priority for region in result.uncertain_regions), 5),
            frame=0,
            time_s=0.0,
            regions=[_region_record(region, size, file) for region in result.uncertain_regions],
        )
    ]


def _shot_record(
    number: int, shot: ShotUncertainty, size: tuple[int, int], is_trimmed: bool
) -> ShotRecord:
    middle_s = round(float((shot.time_s + shot.frame_end_s) / 2), 3)
    # Frame numbers of a trimmed film would refer to another frame in the whole film.
    position = HintRow(time=middle_s) if is_trimmed else HintRow(frame=shot.frame)
    return ShotRecord(
        shot=number,
        first_frame=shot.first_frame,
        last_frame=shot.last_frame,
        start_s=_to_seconds(shot.start_s),
        end_s=_to_seconds(shot.end_s),
        confidence=round(shot.confidence, 4),
        review_priority=round(shot.priority, 5),
        frame=shot.frame,
        time_s=_to_seconds(shot.time_s),
        regions=[_region_record(region, size, position) for region in shot.regions],
    )


def _region_record(
    region: UncertainRegion, size: tuple[int, int], position: HintRow
) -> RegionRecord:
    width, height = size
    left, top, right, bottom = region.box
    radius = region.radius * min(size) * _HINT_RADIUS_SHARE
    hint = position | HintRow(
        x=min(int(region.point[0] * width), width - 1),
        y=min(int(region.point[1] * height), height - 1),
        radius=max(1, round(radius)),
        color=COLOR_PLACEHOLDER,
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
        review_priority=round(region.priority, 5),
        hint=hint,
    )  # fmt: skip


def _to_seconds(time_s: Fraction) -> float:
    return round(float(time_s), 6)
