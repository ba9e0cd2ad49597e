"""Marks on the stills of a preview: hints, and the least certain regions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vidcolor.hints.io import parse_color

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.ImageDraw import ImageDraw

    from vidcolor.hints.discs import HintDisc
    from vidcolor.imaging.types import Rgb
    from vidcolor.uncertainty import UncertainRegion

_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)
_MIN_RADIUS = 7
"""Minimum radius of a drawn hint, in pixels. Discs of hints are often only a few pixels wide."""


def draw_marks(
    rgb: Rgb,
    regions: Sequence[UncertainRegion],
    discs: Sequence[HintDisc],
    size: tuple[int, int],
) -> Rgb:
    """Draw into a copy of a gray image, so that the color of the marks is unmistakable.

    Args:
        rgb: (H, W, 3) uint8.
        regions: outlined in white with a black border, with their numbers.
        discs: outlined in their color; those that keep the automatic color, in white with a cross.
        size: H, W of the frame in which the discs are placed.
    """
    import cv2
    from PIL import Image
    from PIL.ImageDraw import Draw

    drawn = np.ascontiguousarray(rgb).copy()
    height, width = drawn.shape[:2]
    for region in regions:
        corners = np.rint(np.array(region.outline) * [width - 1, height - 1]).astype(np.int32)
        for color, thickness in ((_BLACK, 3), (_WHITE, 1)):
            cv2.polylines(drawn, [corners], True, color, thickness, cv2.LINE_AA)
    image = Image.fromarray(drawn)
    draw = Draw(image)
    for number, region in enumerate(regions, start=1):
        x, y = region.point[0] * width, region.point[1] * height
        draw.text((x, y), str(number), fill=_WHITE, stroke_width=2, stroke_fill=_BLACK, anchor="mm")
    scale = width / size[1], height / size[0]
    for disc in discs:
        _draw_disc(draw, disc, scale)
    return np.asarray(image)


def _draw_disc(draw: ImageDraw, disc: HintDisc, scale: tuple[float, float]) -> None:
    x, y = disc.x * scale[0], disc.y * scale[1]
    radius = max(disc.radius * scale[0], _MIN_RADIUS)
    color = parse_color(disc.color)
    for extent, line, width in ((4, _BLACK, 8), (3, _WHITE, 6), (2, color or _WHITE, 4)):
        reach = radius + extent
        draw.ellipse((x - reach, y - reach, x + reach, y + reach), outline=line, width=width)
    if color is None:
        reach = radius * 0.5
        draw.line((x - reach, y - reach, x + reach, y + reach), fill=_WHITE, width=2)
        draw.line((x - reach, y + reach, x + reach, y - reach), fill=_WHITE, width=2)
