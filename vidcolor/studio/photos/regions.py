"""What lies at places of a photo: likely colors, and the region that a hint would cover."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vidcolor.hints.discs import HintDisc, fill_disc, place_hints
from vidcolor.hints.hint_set import HintSet
from vidcolor.hints.objects import (
    CLICK_LIMITS,
    HintedObject,
    group_discs,
    make_points,
    segment_clicks,
)
from vidcolor.hints.predict import HintPredictor
from vidcolor.imaging.geometry import to_displayed, to_stored_position
from vidcolor.imaging.resize import limit_short_side, resize_area
from vidcolor.imaging.smoothstep import smoothstep
from vidcolor.project.places import PlaceFinder, find_likely_colors
from vidcolor.studio.photos.prepared import HintValue, make_hints
from vidcolor.studio.photos.views import compose_view

if TYPE_CHECKING:
    from vidcolor.imaging.types import FloatArray, Rgb
    from vidcolor.project.places import LikelyColor
    from vidcolor.segmentation.points import Points
    from vidcolor.studio.photos.prepared import PhotoDecisions, PreparedPhoto

EYEDROPPER_SIDE = 700
"""Longest side of the view from which a color is read, in pixels."""
MAX_SUGGESTIONS = 6
_DISTINCT_AB = (1e4, 1e4)
"""a*, b* of an object that differs from objects of every color."""


def describe_colors(
    photo: PreparedPhoto, decisions: PhotoDecisions, x: float, y: float
) -> dict[str, Any]:
    """Return the likely colors at a place of the displayed photo, and its current color.

    Returns:
        ``colors``, a list of ``color`` and ``share``, which is empty if the generator predicts only
        one color; ``current``; and ``confidence``, None if the generator does not estimate it.
    """
    rgb = find_composed(photo, decisions)
    confidence = None
    if photo.colorizer.has_confidence:
        plane = photo.predict(decisions).prediction.confidence
        confidence = float(_sample(to_displayed(plane, photo.still.orientation), x, y))
    return {
        "colors": [_to_json(color) for color in find_colors(photo, x, y)],
        "current": "#{:02x}{:02x}{:02x}".format(*map(int, _sample(rgb, x, y))),
        "confidence": confidence,
    }


def find_composed(photo: PreparedPhoto, decisions: PhotoDecisions) -> Rgb:
    """Return a view in color that is kept, or else a small one."""
    for (shown, view, _), picture in photo.composed.items():
        if view == "color" and shown == decisions:
            rgb: Rgb = picture
            return rgb
    return compose_view(photo, decisions, "color", EYEDROPPER_SIDE)


def _sample(image: Any, x: float, y: float) -> Any:
    height, width = image.shape[:2]
    return image[min(int(y * height), height - 1), min(int(x * width), width - 1)]


def find_colors(photo: PreparedPhoto, x: float, y: float) -> tuple[LikelyColor, ...]:
    """Return the colors that the generator considers likely at a place of the displayed photo."""
    if photo.distribution is None:
        return ()
    return find_likely_colors(photo.distribution, photo.proxy, _to_upright(photo, x, y))


def _to_json(color: LikelyColor) -> dict[str, Any]:
    return {"color": color.color, "share": round(float(color.share), 4)}


def _to_upright(photo: PreparedPhoto, x: float, y: float) -> tuple[float, float]:
    """Convert a place of the displayed photo to one of the proxy, which is never mirrored."""
    x, y = to_stored_position(x, y, (1, 1), photo.still.orientation)
    for _ in range(photo.still.geometry.quarter_turns % 4):
        x, y = y, 1 - x
    return min(max(x, 0.0), 1 - 1e-6), min(max(y, 0.0), 1 - 1e-6)


def find_region(photo: PreparedPhoto, decisions: PhotoDecisions, hint: HintValue) -> FloatArray:
    """Return the weight of the object that a new hint would cover, beside all other hints.

    A hint of the color of earlier ones covers their object as well. `hint.color` may be empty for a
    color that differs from all others. Where the objects of other hints are more probable, the
    result has less of this object: finding all of them takes too long while the pointer moves.

    Returns:
        (h, w) float32 in [0, 1], as displayed.
    """
    still = photo.still
    objects, number, points = _add_hint(photo, decisions, hint)
    model = photo.adapter.segmentation
    mask = segment_clicks(model, photo.embedding, [points[number]])[0]
    stored = np.ascontiguousarray(still.geometry.to_stored(mask))
    alpha = smoothstep(stored, *CLICK_LIMITS)
    for disc in objects[number].discs:  # as `HintPredictor.find_objects`
        fill_disc(disc, alpha, still.luma.shape)
    return np.ascontiguousarray(to_displayed(alpha, still.orientation))


def find_objects_with(photo: PreparedPhoto, decisions: PhotoDecisions, hint: HintValue) -> None:
    """Find all objects as they will be with a new hint; their masks are kept."""
    _, _, points = _add_hint(photo, decisions, hint)
    segment_clicks(photo.adapter.segmentation, photo.embedding, points)


def _add_hint(
    photo: PreparedPhoto, decisions: PhotoDecisions, hint: HintValue
) -> tuple[list[HintedObject], int, list[Points]]:
    """Return the objects with a new hint, the number of its object, and the clicks on each."""
    still = photo.still
    size = still.luma.shape
    others = place_hints(make_hints(decisions.hints), size, still.orientation)
    named = hint if hint.color else hint._replace(color="neutral")
    (disc,) = place_hints(make_hints((named,)), size, still.orientation)
    if not hint.color:
        disc = HintDisc(disc.x, disc.y, disc.radius, _DISTINCT_AB, "", disc.name)
    objects = group_discs([*others, disc])
    number = next(k for k, item in enumerate(objects) if item.ab == disc.ab)
    return objects, number, make_points(objects, size, still.geometry.quarter_turns)


def suggest_places(photo: PreparedPhoto, decisions: PhotoDecisions) -> list[dict[str, Any]]:
    """Return the places where a hint helps most, in the order of their use.

    Raises:
        UsageError: the generator does not estimate its confidence.
    """
    photo.colorizer.check_has_confidence()
    still, decided = photo.still, None
    discs = photo.predict(decisions).discs
    if discs:
        predictor: HintPredictor = photo.get_predictor(decisions.vividness)
        _, masks = predictor.find_objects(HintSet(still.luma.shape, discs))
        decided = np.ascontiguousarray(still.geometry.to_upright(masks.max(0)))
        decided = resize_area(decided, limit_short_side(decided.shape, 64))
    finder = PlaceFinder(photo.get_upright_base(decisions), photo.embedding, photo.adapter, decided)
    found = []
    for place in finder.find(MAX_SUGGESTIONS):
        x, y = _to_displayed_place(photo, place.x, place.y)
        found.append(
            {
                "x": x,
                "y": y,
                "confidence": place.confidence,
                "area": place.area,
                "colors": [_to_json(color) for color in place.colors],
            }
        )
    return found


def _to_displayed_place(photo: PreparedPhoto, x: float, y: float) -> tuple[float, float]:
    """Convert a place of the proxy to one of the displayed photo."""
    for _ in range(-photo.still.geometry.quarter_turns % 4):
        x, y = y, 1 - x
    # Orientations 6 and 8 are each other's inverse; the others are their own.
    inverse = {6: 8, 8: 6}.get(photo.still.orientation, photo.still.orientation)
    return to_stored_position(x, y, (1, 1), inverse)
