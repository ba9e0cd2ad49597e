"""The HTML section of the uncertain regions of a result: images with outlines, and hint rows."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.batch.report.markup import Markup, element, join, jpeg_image, table
from vidcolor.batch.report.previews import encode_jpeg, fit_size
from vidcolor.errors import VidcolorError
from vidcolor.imaging.text import choose_font
from vidcolor.media.preview import DisplayReader, resize_rgb
from vidcolor.media.preview_image import read_image_rgb
from vidcolor.media.sequence import find_sequence
from vidcolor.timecode import format_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.batch.report.schema import ResultRecord
    from vidcolor.batch.report.uncertainty import HintRow, RegionRecord, ShotRecord
    from vidcolor.imaging.types import Rgb

_IMAGE_WIDTH = 420
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)


def uncertainty_section(record: ResultRecord, max_shots: int) -> Markup | None:
    """Return the section of the uncertain regions; None if the record has no uncertainty.

    Args:
        record: record of the result; its target is read again.
        max_shots: maximum number of shots; those with the highest review priority are shown.
    """
    shots = record["uncertainty"]
    if shots is None:
        return None
    heading = element("h3", "Where hints would help most")
    uncertain = [shot for shot in shots if shot["regions"]]
    uncertain.sort(key=lambda shot: shot["review_priority"], reverse=True)
    if not uncertain:
        text = "The model is confident about all visible colors: no region is uncertain."
        return join(heading, element("p", text))
    shown = uncertain[:max_shots]
    is_photo = record["kind"] == "photo"
    headings = ["Image", *([] if is_photo else ["Shot"]), "Uncertain regions"]
    rows = (
        [_outlined_image(record, s), *([] if is_photo else [_shot_cell(s)]), _region_list(s)]
        for s in shown
    )
    return join(
        heading,
        element("p", _introduction(is_photo), class_="lead"),
        element("div", table(headings, rows, "Uncertain regions"), class_="uncertainty"),
        _remaining_shots(len(shots), len(uncertain), len(shown)),
        _hint_file([region for shot in shown for region in shot["regions"]]),
    )


def _introduction(is_photo: bool) -> str:
    order = "" if is_photo else "Shots are sorted by review priority. "
    return (
        f"The outlines show where the model is least certain about visible color. {order}"
        "If you know the true color of a region, replace the “?” in its row and add the row to a "
        "hint file."
    )


def _remaining_shots(num_shots: int, num_uncertain: int, num_shown: int) -> Markup | None:
    sentences = []
    if num_uncertain > num_shown:
        count = num_uncertain - num_shown
        sentences.append(f"A .json report contains {count:,} more shots with uncertain regions.")
    if num_shots > num_uncertain:
        count = num_shots - num_uncertain
        noun = "shots have" if count > 1 else "shot has"
        sentences.append(f"{count:,} {noun} no uncertain region.")
    return element("p", " ".join(sentences)) if sentences else None


def _shot_cell(shot: ShotRecord) -> Markup:
    confidence = shot["confidence"]
    return join(
        element("strong", f"Shot {shot['shot']}"),
        element("p", f"{format_time(shot['start_s'])} – {format_time(shot['end_s'])}"),
        element("p", f"Frame {shot['frame']}, {format_time(shot['time_s'])}"),
        element("p", f"Confidence {confidence:.0%}") if confidence else None,
    )


def _region_list(shot: ShotRecord) -> Markup:
    items = (
        element(
            "li",
            f"{_describe_position(region).capitalize()}, {_format_area(region['area'])} of the "
            f"image, confidence {region['confidence']:.0%}",
            element("code", _format_hint(region["hint"])),
        )
        for region in shot["regions"]
    )
    return element("ol", *items)


def _describe_position(region: RegionRecord) -> str:
    """Describe the position of a region in words, such as ``top left``."""
    x, y = region["point"]
    horizontal = ("left", "", "right")[min(int(3 * x), 2)]
    vertical = ("top", "", "bottom")[min(int(3 * y), 2)]
    return f"{vertical} {horizontal}".strip() or "center"


def _format_area(area: float) -> str:
    return f"{area:.0%}" if area >= 0.01 else "less than 1%"


def _format_hint(hint: HintRow) -> str:
    return json.dumps(hint, ensure_ascii=False)


def _hint_file(regions: Sequence[RegionRecord]) -> Markup:
    """Return the text of a hint file in which the colors are missing."""
    lines = ",\n  ".join(_format_hint(region["hint"]) for region in regions)
    return element(
        "details",
        element("summary", "Template of a hints.json with all of these regions"),
        element("p", "Delete the rows whose color you do not know."),
        element("pre", element("code", f"[\n  {lines}\n]")),
    )


def _outlined_image(record: ResultRecord, shot: ShotRecord) -> Markup:
    """Return the colorized image with outlined regions, or a message if it cannot be read."""
    try:
        rgb = _read_result_image(record, shot)
    except (VidcolorError, OSError) as error:
        return element("p", f"No image: {error}", class_="note")
    size = fit_size((rgb.shape[1], rgb.shape[0]), _IMAGE_WIDTH)
    outlined = draw_outlines(resize_rgb(rgb, size), shot["regions"])
    suffix = "" if record["kind"] == "photo" else f" of shot {shot['shot']}"
    return jpeg_image(encode_jpeg(outlined), size, f"Uncertain regions{suffix}, numbered", "plain")


def _read_result_image(record: ResultRecord, shot: ShotRecord) -> Rgb:
    """Read the photo or frame of the result in which the regions of a shot were found."""
    target, shots = Path(record["target"]), record["uncertainty"] or [shot]
    if record["kind"] == "photo":
        return read_image_rgb(target, (2 * _IMAGE_WIDTH, 2 * _IMAGE_WIDTH))
    if target.is_file():
        film = DisplayReader(target)
        time_s = Fraction(shot["time_s"] - shots[0]["start_s"]).limit_denominator(1_000_000)
        return film.frame_at(max(Fraction(0), time_s)).rgb(fit_size(film.size, 2 * _IMAGE_WIDTH))
    sequence = find_sequence(target)
    return read_image_rgb(sequence.files[sequence.first_number + shot["frame"]])


def draw_outlines(rgb: Rgb, regions: Sequence[RegionRecord]) -> Rgb:
    """Draw numbered outlines into a copy of an (H, W, 3) image.

    White lines have a black border, so that they are visible on any background.
    """
    import cv2
    from PIL import Image, ImageDraw

    drawn = np.ascontiguousarray(rgb).copy()
    height, width = drawn.shape[:2]
    for region in regions:
        corners = np.rint(np.array(region["outline"]) * [width - 1, height - 1]).astype(np.int32)
        for color, thickness in ((_BLACK, 4), (_WHITE, 2)):
            cv2.polylines(drawn, [corners], True, color, thickness, cv2.LINE_AA)
    image = Image.fromarray(drawn)
    draw = ImageDraw.Draw(image)
    for number, region in enumerate(regions, start=1):
        x, y = region["point"][0] * width, region["point"][1] * height
        draw.ellipse((x - 11, y - 11, x + 11, y + 11), fill=_BLACK, outline=_WHITE, width=2)
        font, text = choose_font(str(number), 14)
        draw.text((x, y), text, fill=_WHITE, font=font, anchor="mm")
    return np.asarray(image)
