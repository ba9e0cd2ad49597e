"""The doubtful regions of a result on its page: pictures with outlines, and rows of hints."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.batch.report.gallery import image
from vidcolor.batch.report.markup import Markup, element, join, table
from vidcolor.batch.report.previews import fitting, jpeg
from vidcolor.errors import VidcolorError
from vidcolor.imaging.text import clock, font_for
from vidcolor.media.preview import DisplayReader, scale
from vidcolor.media.preview_still import picture_rgb
from vidcolor.media.sequence import find_sequence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.batch.report.schema import ResultRecord
    from vidcolor.batch.report.uncertainty import HintRow, RegionRecord, ShotRecord
    from vidcolor.media.preview import Rgb

_WIDTH = 420
_LIGHT, _DARK = (255, 255, 255), (0, 0, 0)


def doubts_part(record: ResultRecord, num_shots: int) -> Markup | None:
    """Where a person's knowledge would help most; None if that was not looked for.

    Args:
        record: of one result; the colored picture is read again.
        num_shots: how many shots are shown, the most worthwhile first.
    """
    rows = record["doubts"]
    if rows is None:
        return None
    heading = element("h3", "Where a person’s knowledge would help most")
    doubtful = sorted((r for r in rows if r["regions"]), key=lambda r: r["need"], reverse=True)
    if not doubtful:
        sure = "The generator is sure of every color that can be seen: no region is doubtful."
        return join(heading, element("p", sure))
    shown = doubtful[:num_shots]
    is_photo = record["kind"] == "photo"
    heads = ("Picture", "Doubtful regions") if is_photo else ("Picture", "Shot", "Doubtful regions")
    cells = ([_picture(record, r), *([] if is_photo else [_shot(r)]), _regions(r)] for r in shown)
    return join(
        heading,
        element("p", _lead(is_photo), class_="lead"),
        element("div", table(heads, cells, "Doubtful regions"), class_="doubts"),
        _rest(len(rows), len(doubtful), len(shown)),
        _hints([region for row in shown for region in row["regions"]]),
    )


def _lead(is_photo: bool) -> str:
    order = "" if is_photo else "The shots that would gain most come first. "
    return (
        f"Outlined is where the generator is least certain of color that can be seen. {order}"
        "Who knows a true color writes it for the “?” of that row into a file of hints."
    )


def _rest(total: int, doubtful: int, shown: int) -> Markup | None:
    said = []
    if doubtful > shown:
        said.append(f"{doubtful - shown:,} more shots with doubtful regions are in a .json report.")
    if total > doubtful:
        sure = total - doubtful
        said.append(f"Of {sure:,} {'shots' if sure > 1 else 'shot'} the generator is sure.")
    return element("p", " ".join(said)) if said else None


def _shot(row: ShotRecord) -> Markup:
    return join(
        element("strong", f"Shot {row['shot']}"),
        element("p", f"{clock(row['start_s'])} – {clock(row['end_s'])}"),
        element("p", f"Shown: frame {row['frame']}, {clock(row['time_s'])}"),
        element("p", f"Confidence {row['confidence']:.0%}") if row["confidence"] else None,
    )


def _regions(row: ShotRecord) -> Markup:
    items = (
        element(
            "li",
            f"{_place(region).capitalize()}, {_share(region['area'])} of the picture, "
            f"confidence {region['confidence']:.0%}",
            element("code", _line(region["hint"])),
        )
        for region in row["regions"]
    )
    return element("ol", *items)


def _place(region: RegionRecord) -> str:
    """Where a region's point lies, in words."""
    x, y = region["point"]
    across = ("left", "", "right")[min(int(3 * x), 2)]
    down = ("top", "", "bottom")[min(int(3 * y), 2)]
    return f"{down} {across}".strip() or "middle"


def _share(area: float) -> str:
    return f"{area:.0%}" if area >= 0.01 else "less than 1%"


def _line(hint: HintRow) -> str:
    return json.dumps(hint, ensure_ascii=False)


def _hints(regions: Sequence[RegionRecord]) -> Markup:
    """A file of hints that lacks the colors alone."""
    lines = ",\n  ".join(_line(region["hint"]) for region in regions)
    return element(
        "details",
        element("summary", "All of them as a hints.json to begin with"),
        element("p", "Delete the rows of which you know nothing."),
        element("pre", element("code", f"[\n  {lines}\n]")),
    )


def _picture(record: ResultRecord, row: ShotRecord) -> Markup:
    """The colored picture with outlines, or why there is none."""
    try:
        rgb = _colored(record, row)
    except (VidcolorError, OSError) as error:
        return element("p", f"No picture: {error}", class_="note")
    size = fitting((rgb.shape[1], rgb.shape[0]), _WIDTH)
    outlined = outline(scale(rgb, size), row["regions"])
    where = "" if record["kind"] == "photo" else f" of shot {row['shot']}"
    return image(jpeg(outlined), size, f"Doubtful regions{where}, numbered", "plain")


def _colored(record: ResultRecord, row: ShotRecord) -> Rgb:
    """The result's picture that the regions lie on."""
    target, rows = Path(record["target"]), record["doubts"] or [row]
    if record["kind"] == "photo":
        return picture_rgb(target, (2 * _WIDTH, 2 * _WIDTH))
    if target.is_file():
        film = DisplayReader(target)
        time_s = Fraction(row["time_s"] - rows[0]["start_s"]).limit_denominator(1_000_000)
        return film.at(max(Fraction(0), time_s)).rgb(fitting(film.size, 2 * _WIDTH))
    sequence = find_sequence(target)
    return picture_rgb(sequence.files[sequence.first_number + row["frame"]])


def outline(rgb: Rgb, regions: Sequence[RegionRecord]) -> Rgb:
    """A picture, (H, W, 3), with numbered outlines: white on black, to be seen on any ground."""
    import cv2
    from PIL import Image, ImageDraw

    drawn = np.ascontiguousarray(rgb).copy()
    height, width = drawn.shape[:2]
    for region in regions:
        corners = np.rint(np.array(region["outline"]) * [width - 1, height - 1]).astype(np.int32)
        for color, thickness in ((_DARK, 4), (_LIGHT, 2)):
            cv2.polylines(drawn, [corners], True, color, thickness, cv2.LINE_AA)
    picture = Image.fromarray(drawn)
    pen = ImageDraw.Draw(picture)
    for number, region in enumerate(regions, start=1):
        x, y = region["point"][0] * width, region["point"][1] * height
        pen.ellipse((x - 11, y - 11, x + 11, y + 11), fill=_DARK, outline=_LIGHT, width=2)
        font, text = font_for(str(number), 14)
        pen.text((x, y), text, fill=_LIGHT, font=font, anchor="mm")
    return np.asarray(picture)
