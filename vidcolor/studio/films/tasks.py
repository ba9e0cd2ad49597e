"""What the compute process does for films: stills, colors, regions, tracks, places and plans."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import Image

from vidcolor.color.lab import gray_to_lightness_array
from vidcolor.errors import UsageError
from vidcolor.hints.object_tracks import is_found
from vidcolor.options import Hint, ShotOptions
from vidcolor.project.places import find_likely_colors
from vidcolor.studio.compute.outlines import find_innermost, trace_outline
from vidcolor.studio.films.describe import make_shot_rev, make_source_rev
from vidcolor.studio.films.exports import format_shot_list
from vidcolor.studio.films.open_films import close_film, open_film
from vidcolor.studio.films.paths import choose_target
from vidcolor.studio.films.planning import plan_film_rendering
from vidcolor.studio.films.source_facts import describe_source

if TYPE_CHECKING:
    from vidcolor.imaging.types import FloatArray, Rgb
    from vidcolor.project.document import ProjectDocument
    from vidcolor.studio.compute.state import ComputeState
    from vidcolor.studio.compute.tasks import Task
    from vidcolor.studio.films.open_films import OpenFilm

WEBP_QUALITY, WEBP_METHOD, JPEG_QUALITY = 88, 0, 92
_PROBE_COLORS = ("#d02020", "#20a020", "#2020d0", "#c0a000", "#a000c0", "#00a0a0")
"""Colors of a hint whose color is not known yet: the first one that no hint of the shot has."""
_CLICKS_PER_CALL = 3
"""Number of simulated clicks in one call of `find_places`; each takes some 80 ms on one core."""
_SAMPLE_SIZE = (512, 512)
"""Maximum width and height of the still from which the current color of a place is read."""
_SAMPLE_RADIUS = 1
"""Distance from this pixel to those that are averaged with it."""


def make_still(state: ComputeState, payload: dict[str, Any]) -> dict[str, Any]:
    """Return an encoded still, and the revision that it belongs to.

    The payload has `project`, `frame`, `view` (color, gray or confidence), `width` (maximum length
    of the longest side, 0 for the displayed size) and `format` (webp, jpeg or png).
    """
    film = _open(state, payload)
    document, index = film.document, _check_frame(film, payload["frame"])
    renderer = film.renderer
    state.check_canceled()
    width = payload["width"]
    max_size = (width, width) if width else None
    if payload["view"] == "gray":
        rgb, rev = renderer.render_gray(index, max_size), make_source_rev(document.source)
    else:
        render = renderer.render_confidence if payload["view"] == "confidence" else None
        rgb = (render or renderer.render_color)(document, index, max_size)
        rev = _make_rev(state, document, index)
    state.check_canceled()
    return {"data": encode_picture(rgb, payload["format"]), "rev": rev}


def encode_picture(rgb: Rgb, image_format: str) -> bytes:
    """Return R'G'B', (H, W, 3) uint8, as a file."""
    if image_format == "webp":
        file = io.BytesIO()
        # The fastest method: the default one takes three times as long for files of equal size.
        Image.fromarray(rgb).save(file, "WEBP", quality=WEBP_QUALITY, method=WEBP_METHOD)
        return file.getvalue()
    options = {
        "jpeg": [
            cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY,
            # Color is judged at edges, where subsampled chroma bleeds.
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
        ],
        "png": [cv2.IMWRITE_PNG_COMPRESSION, 1],
    }[image_format]  # fmt: skip
    is_encoded, data = cv2.imencode(f".{image_format}", rgb[..., ::-1], options)
    if not is_encoded:
        raise UsageError(f"a still of {rgb.shape[1]}×{rgb.shape[0]} pixels cannot be encoded")
    return data.tobytes()


def describe_film_source(state: ComputeState, payload: dict[str, Any]) -> dict[str, Any]:
    """Return the facts of `describe_source`, such as the displayed size."""
    return describe_source(_open(state, payload).project)


def find_colors(state: ComputeState, payload: dict[str, Any]) -> dict[str, Any]:
    """Return the likely colors at a place, its current color, and the confidence there.

    The payload has `project`, `frame`, and `x` and `y` as fractions.
    """
    film = _open(state, payload)
    document, index = film.document, _check_frame(film, payload["frame"])
    x, y = payload["x"], payload["y"]
    renderer = film.renderer
    proxy, distribution = renderer.predict_distribution(index)
    likely = () if distribution is None else find_likely_colors(distribution, proxy, (x, y))
    state.check_canceled()
    prediction = renderer.predict(document, index)
    state.check_canceled()
    current = _sample(renderer.render_color(document, index, _SAMPLE_SIZE), x, y)
    confidence = None
    if renderer.colorizer.has_confidence:
        confidence = round(float(_at(prediction.confidence, x, y)), 3)
    return {
        "colors": [{"color": c.color, "share": round(float(c.share), 3)} for c in likely],
        "current": "#{:02x}{:02x}{:02x}".format(*current),
        "lightness": round(float(gray_to_lightness_array(np.array([_at(proxy, x, y)]))[0]), 1),
        "confidence": confidence,
    }


def find_region(state: ComputeState, payload: dict[str, Any]) -> dict[str, Any]:
    """Return the outline of the object of a hint in a frame.

    The payload has `project` and `frame`, and either `hint`, the number of a hint of the shot, or
    `x`, `y`, `radius` and `color` of a hint that does not exist yet. `radius` and `color` may be
    None. The outline is empty if the shot has no hint of this number: a page may ask for it while
    the hint is being removed.
    """
    film = _open(state, payload)
    document, index = film.document, _check_frame(film, payload["frame"])
    rows = document.get_hints(document.find_shot(index))
    if payload.get("hint") is not None:
        row = next((row for row in rows if row.id == payload["hint"]), None)
        if row is None:
            return {"outline": [], "share": 0.0}
        found, name = film.renderer.find_objects(document, index), _name(film, row.id)
    else:
        used = {row.color.lower() for row in rows}
        color = payload["color"] or next((c for c in _PROBE_COLORS if c not in used), "#d02020")
        hint = Hint(
            x=payload["x"], y=payload["y"], color=color, radius=payload["radius"], unit="fraction",
            frame=index, name="the hint",
        )  # fmt: skip
        found, name = film.renderer.find_objects(document, index, hint), hint.name
    k = next(
        n for n, item in enumerate(found.objects) if any(disc.name == name for disc in item.discs)
    )
    mask = found.masks[k]
    return {"outline": trace_outline(mask), "share": round(float(mask.mean()), 4)}


def track_hints(state: ComputeState, payload: dict[str, Any]) -> dict[str, Any]:
    """Return where the objects of the hints of a shot are in one of its frames.

    The payload has `project` and `frame`. On its own frame, a hint is where a person put it.
    """
    film = _open(state, payload)
    document, index = film.document, _check_frame(film, payload["frame"])
    rows = document.get_hints(document.find_shot(index))
    places: list[dict[str, Any]] = []
    if rows:
        renderer = film.renderer
        found = renderer.find_objects(document, index)
        state.check_canceled()
        for row in rows:
            name = _name(film, row.id)
            k = next(
                n for n, item in enumerate(found.objects) if any(d.name == name for d in item.discs)
            )
            if row.frame == index:
                hint = row.to_hint(name)
                x, y = hint.x, hint.y
                if not hint.in_fractions:
                    x = (x + 0.5) / document.source.width
                    y = (y + 0.5) / document.source.height
                places.append({"hint": row.id, "x": x, "y": y, "found": True})
                continue
            point = find_innermost(found.masks[k]) if is_found(found.masks[k]) else None
            x, y = point or (None, None)  # type: ignore[assignment]
            places.append({"hint": row.id, "x": x, "y": y, "found": point is not None})
    return {"frame": index, "hints": places, "rev": _make_rev(state, document, index)}


def find_places(state: ComputeState, payload: dict[str, Any]) -> dict[str, Any]:
    """Return the places of one shot where a hint helps most, or do a part of the work.

    The payload has `project`, `shot` (its index, from 0), `count`, and `lowest`, the priority up to
    which places are not needed. The answer has `max_priority`, the limit of the priority of any
    place, and `places`: None if they are not needed. While `is_finished` is false, the task must be
    called again: each call is short, so that it does not make a click wait. `rev`, the revision of
    the shot, is None if shots were merged meanwhile and there is none with this index.
    """
    film = _open(state, payload)
    document, index = film.document, payload["shot"]
    if index >= len(document.shots):
        return {"places": None, "max_priority": 0.0, "rev": None, "is_finished": True}
    rev = make_shot_rev(document, index, state.settings.model)
    review = film.review_shot(index, rev)
    answer: dict[str, Any] = {
        "places": None,
        "max_priority": review.max_priority,
        "rev": rev,
        "is_finished": True,
    }
    if review.max_priority > payload["lowest"]:
        if review.advance(_CLICKS_PER_CALL):
            answer["places"] = [place.to_json() for place in review.find(payload["count"])]
        else:
            answer["is_finished"] = False
    return answer


def plan_rendering(state: ComputeState, payload: dict[str, Any]) -> dict[str, Any]:
    """Return what a rendering would do, and why; the payload has `project` and `suffix`."""
    film = _open(state, payload)
    target = choose_target(film.project, payload["suffix"])
    return plan_film_rendering(film, target, state.settings)


def list_shots(state: ComputeState, payload: dict[str, Any]) -> bytes:
    """Return the list of shots as a file; the payload has `project`, `format` and `name`."""
    film = _open(state, payload)
    film.check_analyzed()
    return format_shot_list(film.project, payload["format"], payload["name"])


def check_shots(state: ComputeState, payload: dict[str, Any]) -> None:
    """Raise an error if the models of shots cannot be used with the options of the shots.

    The payload has `project`, `shots` (their indices, from 0), and `values`, which the shots get
    first. Shots that do not exist any more are left out: their change will be refused.
    """
    film = _open(state, payload)
    shots = film.document.shots
    for index in [index for index in payload["shots"] if index < len(shots)]:
        row = shots[index].replace(**payload["values"])
        film.colorizer.models.check_shot(
            ShotOptions(first=row.first, vividness=row.vividness, model=row.model)
        )


def check_reference(state: ComputeState, payload: dict[str, Any]) -> None:
    """Raise an `InputError` if the image at `path` cannot be a reference."""
    from vidcolor.hints.color_transfer import read_reference

    read_reference(Path(payload["path"]))


def forget_film(state: ComputeState, payload: dict[str, Any]) -> None:
    """Close a film that was deleted."""
    close_film(state, Path(payload["project"]))


def _open(state: ComputeState, payload: dict[str, Any]) -> OpenFilm:
    film = open_film(state, Path(payload["project"]))
    film.show(payload["key"], payload["decisions"])
    return film


def _check_frame(film: OpenFilm, frame: int) -> int:
    """Return the number of a frame.

    Raises:
        UsageError: it does not exist.
    """
    film.project.shots.at(frame)
    return frame


def _make_rev(state: ComputeState, document: ProjectDocument, index: int) -> str:
    return make_shot_rev(document, document.find_shot(index), state.settings.model)


def _name(film: OpenFilm, number: int) -> str:
    """Return the name that the renderer gives a hint of the project."""
    return f"{film.project.path}: hint {number}"


def _at(plane: FloatArray, x: float, y: float) -> Any:
    """Return the value of a plane, (h, w), at a place in fractions."""
    height, width = plane.shape
    return plane[min(int(y * height), height - 1), min(int(x * width), width - 1)]


def _sample(rgb: Rgb, x: float, y: float) -> list[int]:
    """Return the mean color around a place in fractions."""
    height, width = rgb.shape[:2]
    row, column = min(int(y * height), height - 1), min(int(x * width), width - 1)
    rows = slice(max(row - _SAMPLE_RADIUS, 0), row + _SAMPLE_RADIUS + 1)
    columns = slice(max(column - _SAMPLE_RADIUS, 0), column + _SAMPLE_RADIUS + 1)
    return [round(float(value)) for value in rgb[rows, columns].mean(axis=(0, 1))]


TASKS: dict[str, Task] = {
    "film.still": make_still,
    "film.source": describe_film_source,
    "film.colors": find_colors,
    "film.region": find_region,
    "film.track": track_hints,
    "film.places": find_places,
    "film.plan": plan_rendering,
    "film.shots": list_shots,
    "film.check": check_shots,
    "film.reference": check_reference,
    "film.forget": forget_film,
}
"""The tasks of films, by name."""
