"""Small projects: documents in memory, and the project of a generated film."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from tests.helpers.films import write_gray
from tests.helpers.synthetic_shots import make_static_shot
from vidcolor.project.document import ProjectDocument, to_detected, to_shot_row
from vidcolor.project.rows import Change, SourceRow
from vidcolor.shots.detector import Shot

NUM_FRAMES = 24
"""Number of frames of the film of `write_film`."""
CUT = 12
"""First frame of its second shot."""


def write_film(path: Path, seed: int = 1) -> Path:
    """Write a film with two shots of 12 frames."""
    frames = [*make_static_shot(seed, CUT), *make_static_shot(seed + 1, NUM_FRAMES - CUT)]
    return write_gray(path, [np.uint8(16 + 219 * frame) for frame in frames])


def write_color_image(path: Path) -> Path:
    """Write an image that a project accepts as a reference."""
    colors = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    assert cv2.imwrite(str(path), colors.repeat(16, 0).repeat(16, 1))
    return path


def make_document(*starts: int, num_frames: int = 100) -> ProjectDocument:
    """Return a project of a film of 640×480 pixels with shots that start at these frames."""
    ends = [*starts[1:], num_frames]
    shots = [Shot(a, b, "cut" if a else "start") for a, b in zip(starts, ends, strict=True)]
    source = SourceRow(
        kind="film", name="a.mov", path="a.mov", size=1, digest="0" * 32, num_frames=num_frames,
        frames_digest="0" * 32, width=640, height=480, rate="25",
    )  # fmt: skip
    detected = to_detected(shots)
    fields = {name: [None, value] for name, value in source.to_json().items()}
    created = Change(
        revision=1, at="2026-01-01T00:00:00Z", by="anna", do="new", changes={"source": fields}
    )
    return ProjectDocument(
        source, {}, tuple(map(to_shot_row, detected)), detected=detected, history=(created,)
    )
