"""Tasks of the compute process for photos.

Payloads have the path of the photo and, except for `examine`, its decisions in the form that
`PhotoDecisions.from_payload` reads.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vidcolor.errors import VidcolorError
from vidcolor.hints.color_transfer import read_reference
from vidcolor.media.preview import resize_rgb
from vidcolor.media.preview_image import read_image_rgb
from vidcolor.studio.compute.outlines import trace_outline
from vidcolor.studio.photos.prepared import HintValue, PhotoDecisions, PreparedPhoto
from vidcolor.studio.photos.regions import (
    describe_colors,
    find_objects_with,
    find_region,
    suggest_places,
)
from vidcolor.studio.photos.views import compose_view, encode_view

if TYPE_CHECKING:
    from collections.abc import Callable

    from vidcolor.imaging.types import Rgb
    from vidcolor.studio.compute.cache import ByteCache
    from vidcolor.studio.compute.state import ComputeState

    Payload = dict[str, Any]

MAX_RESULT_SIDE = 640
"""Longest side of a view, in pixels, up to which it is made from the finished result."""


def examine(state: ComputeState, payload: Payload) -> dict[str, Any]:
    """Return the displayed size of a photo, whether it is in color, and warnings."""
    still = _open(state, payload).still
    width, height = still.displayed_size
    return {
        "width": width,
        "height": height,
        "tint": still.tint,
        "warnings": list(still.warnings),
    }


def render_image(state: ComputeState, payload: Payload) -> bytes:
    """Return an encoded picture: ``view``, ``width`` (0 for the full size) and ``format``.

    A small view in color is made from the finished file if ``result`` names one.
    """
    view, width, result = payload["view"], payload["width"], payload.get("result")
    if view == "color" and result and 0 < width <= MAX_RESULT_SIDE:
        with suppress(VidcolorError, OSError):  # it may be deleted or replaced at any time
            return encode_view(_read_reduced(Path(result), width), payload["format"])
    photo = _open(state, payload)
    state.check_canceled()
    rgb = compose_view(photo, PhotoDecisions.from_payload(payload), view, width)
    _get_cache(state).trim()
    return encode_view(rgb, payload["format"], photo.still.metadata.icc)


def _read_reduced(path: Path, longest: int) -> Rgb:
    rgb = read_image_rgb(path, (longest, longest))
    scale = min(1.0, longest / max(rgb.shape))
    size = max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale))
    return np.ascontiguousarray(resize_rgb(rgb, size))


def predict(state: ComputeState, payload: Payload) -> None:
    """Predict the color with new decisions, while the page still asks for the picture."""
    _open(state, payload).predict(PhotoDecisions.from_payload(payload))


def prepare(state: ComputeState, payload: Payload) -> None:
    """Compute what hovering and clicking need, before a person does so."""
    photo = _open(state, payload)
    photo.get_base(PhotoDecisions.from_payload(payload))
    state.check_canceled()
    _ = photo.embedding
    state.check_canceled()
    _ = photo.distribution
    _get_cache(state).trim()


def list_colors(state: ComputeState, payload: Payload) -> dict[str, Any]:
    """Return the colors at ``x``, ``y``; see `describe_colors`."""
    photo = _open(state, payload)
    return describe_colors(photo, PhotoDecisions.from_payload(payload), payload["x"], payload["y"])


def outline_region(state: ComputeState, payload: Payload) -> dict[str, Any]:
    """Return the region that a hint at ``x``, ``y`` of a ``color`` and ``radius`` would cover."""
    hint = HintValue(payload["x"], payload["y"], payload["color"], payload["radius"])
    mask = find_region(_open(state, payload), PhotoDecisions.from_payload(payload), hint)
    return {"outline": trace_outline(mask), "share": round(float(mask.mean()), 5)}


def anticipate(state: ComputeState, payload: Payload) -> None:
    """Find all objects as they will be after a click at the place of `outline_region`."""
    hint = HintValue(payload["x"], payload["y"], payload["color"], payload["radius"])
    find_objects_with(_open(state, payload), PhotoDecisions.from_payload(payload), hint)


def suggest(state: ComputeState, payload: Payload) -> dict[str, Any]:
    """Return the places where a hint helps most."""
    photo = _open(state, payload)
    places = suggest_places(photo, PhotoDecisions.from_payload(payload))
    _get_cache(state).trim()
    return {"places": places}


def describe_generator(state: ComputeState, payload: Payload) -> dict[str, Any]:
    """Return what the generator is and can do."""
    colorizer = state.colorizer
    try:
        colorizer.check_options(PhotoDecisions(vividness=0.5).to_options())
        has_vividness = True
    except VidcolorError:
        has_vividness = False
    return {
        "name": colorizer.name,
        "digest": colorizer.digest,
        "has_vividness": has_vividness,
        "has_confidence": colorizer.has_confidence,
        "accepts_hints": colorizer.accepts_hints,
    }


def check_reference(state: ComputeState, payload: Payload) -> None:
    """Check that a picture, whose ``path`` is given, can be a reference."""
    read_reference(Path(payload["path"]))


def _open(state: ComputeState, payload: Payload) -> PreparedPhoto:
    """Return a photo, which is decoded if it is not kept or if the file has changed."""
    path = Path(payload["path"])
    try:
        status = path.stat()
        key: Any = path, status.st_mtime_ns, status.st_size
    except OSError:
        key = path, None, None  # reading it reports the fault
    return _get_cache(state).get(
        key,
        lambda: PreparedPhoto(path, state.colorizer, state.get_threads, state.check_canceled),
    )


def _get_cache(state: ComputeState) -> ByteCache:
    return state.get_cache("photos", state.cache_bytes)


TASKS: dict[str, Callable[[ComputeState, Payload], Any]] = {
    "photo-examine": examine,
    "photo-image": render_image,
    "photo-predict": predict,
    "photo-prepare": prepare,
    "photo-colors": list_colors,
    "photo-region": outline_region,
    "photo-anticipate": anticipate,
    "photo-suggestions": suggest,
    "photo-check-reference": check_reference,
    "describe-generator": describe_generator,
}
