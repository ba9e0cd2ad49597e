"""The images of an evaluation: the ground truth, and the results of other programs.

Listing decodes no pixels. Images are decoded one at a time, so memory does not depend on their
number.
"""

from __future__ import annotations

import tarfile
from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.errors import InputError
from vidcolor.fileio import check_source, is_training_run
from vidcolor.media.containers import is_video_name
from vidcolor.media.extensions import (
    RESULT_FOLDER_SUFFIX,
    RESULT_SUFFIX,
    is_photo,
    is_photo_name,
)
from vidcolor.media.preview import DisplayReader, resize_rgb
from vidcolor.media.preview_image import decode_image_rgb, read_image_rgb
from vidcolor.timecode import format_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vidcolor.imaging.types import Rgb

MIN_SIDE = 32
"""Minimum width and height of ground truth, in pixels."""


@dataclass(frozen=True, slots=True)
class GroundTruth:
    """A photo, or a frame of a film, in its true colors."""

    name: str
    """Name in reports: the path relative to the given folder, and the time of a frame."""
    source: Path
    """The file that contains the image: a photo, a tar file or a film."""
    relative_path: PurePosixPath
    """The path at which a folder of results is expected to have the result for this image."""
    offset: int | None = None
    """Offset of a photo in a tar file, in bytes; None outside of tar files."""
    length: int = 0
    """Length of a photo in a tar file, in bytes."""
    time_s: Fraction | None = None
    """Seconds from the first frame of the film; None for a photo."""

    @property
    def is_frame(self) -> bool:
        """Whether the image is a frame of a film."""
        return self.time_s is not None

    def read(self) -> Rgb:
        """Return the decoded image: upright sRGB, (H, W, 3) uint8.

        Raises:
            InputError: the image cannot be read.
        """
        if self.time_s is not None:
            return _read_frame(self.source, self.time_s)
        if self.offset is None:
            return read_image_rgb(self.source)
        with self.source.open("rb") as file:
            file.seek(self.offset)
            return decode_image_rgb(file.read(self.length), f"{self.source}: {self.name}")


@lru_cache(maxsize=4)
def _open_film(path: Path) -> DisplayReader:
    """Probe a film once for all of its frames, which are read one after another."""
    return DisplayReader(path)


def _read_frame(path: Path, time_s: Fraction) -> Rgb:
    film = _open_film(path)
    return film.frame_at(time_s).rgb(film.size)


def find_defect(rgb: Rgb) -> str | None:
    """Return why an image, (H, W, 3) uint8, cannot serve as ground truth; None if it can."""
    if min(rgb.shape[:2]) < MIN_SIDE:
        return f"smaller than {MIN_SIDE} pixels"
    # Decoders round, so R', G' and B' of a gray image may differ by 2.
    return "has no color" if np.ptp(rgb, axis=-1).max() <= 2 else None


def crop_and_resize(rgb: Rgb, size: int | None) -> Rgb:
    """Crop the largest centered square and reduce it to `size` pixels by area averaging.

    The image, (H, W, 3) uint8, is returned unchanged if `size` is None.
    """
    if size is None:
        return rgb
    height, width = rgb.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = np.ascontiguousarray(rgb[top : top + side, left : left + side])
    return resize_rgb(square, (size, size))


def find_ground_truth(
    paths: Sequence[Path], frames: int, limit: int | None = None
) -> list[GroundTruth]:
    """List the ground truth of an evaluation.

    Args:
        paths: photos, films, tar files of photos, and folders of these.
        frames: number of frames of each film: the centers of equal parts of its duration.
        limit: maximum number of images, evenly spaced over all; None for no limit.

    Raises:
        InputError: a path does not exist or cannot be listed, or no image was found.
    """
    images = [image for path in paths for image in _find_in_path(path, frames)]
    if not images:
        raise InputError(f"{paths[0]}: contains no photo and no film")
    if limit is None or limit >= len(images):
        return images
    return [images[(2 * n + 1) * len(images) // (2 * limit)] for n in range(limit)]


def _find_in_path(path: Path, frames: int) -> Iterator[GroundTruth]:
    check_source(path)
    if not path.is_dir():
        yield from _find_in_file(path, PurePosixPath(path.name), frames)
        return
    for file in sorted(path.rglob("*")):
        relative = file.relative_to(path)
        is_source = is_photo_name(file) or is_video_name(file) or file.suffix.lower() == ".tar"
        if is_source and file.is_file() and not _is_excluded(relative, path):
            yield from _find_in_file(file, PurePosixPath(relative.as_posix()), frames)


def _is_excluded(relative: Path, folder: Path) -> bool:
    """Return whether a file is hidden, a result of vidcolor, or part of a training run."""
    parents = [folder / parent for parent in relative.parents[:-1]]
    return (
        any(part.startswith(".") for part in relative.parts)
        or relative.stem.endswith(RESULT_SUFFIX)
        or any(is_training_run(parent) for parent in parents)
        or any(
            parent.with_name(parent.name.removesuffix(RESULT_FOLDER_SUFFIX)).is_dir()
            for parent in parents
            if parent.name.endswith(RESULT_FOLDER_SUFFIX)
        )
    )


def _find_in_file(path: Path, relative_path: PurePosixPath, frames: int) -> Iterator[GroundTruth]:
    if path.suffix.lower() == ".tar":
        yield from _find_in_tar(path)
    elif is_photo(path):
        yield GroundTruth(str(relative_path), path, relative_path)
    else:
        duration = _open_film(path).duration_s
        for n in range(frames):
            time_s = (n + Fraction(1, 2)) * duration / frames
            name = f"{relative_path} {format_time(time_s)}"
            yield GroundTruth(name, path, relative_path, time_s=time_s)


def _find_in_tar(path: Path) -> Iterator[GroundTruth]:
    try:
        with tarfile.open(path, "r:") as tar:
            members = [m for m in tar if m.isfile()]
    except (tarfile.TarError, OSError) as error:
        raise InputError(
            f"{path}: not an uncompressed tar file ({error}); unpack it and name the folder"
        ) from error
    for m in members:
        member_path = PurePosixPath(m.name)
        if is_photo_name(Path(m.name)) and not member_path.name.startswith("."):
            yield GroundTruth(m.name, path, member_path, offset=m.offset_data, length=m.size)


class ResultFolder:
    """A folder with results for the ground truth, from any program.

    A result has the name of its ground truth, with or without the suffix ``.color``, and any
    extension. Its path below the folder is that of the ground truth, or any path if the folder has
    only one file of that name.
    """

    def __init__(self, folder: Path) -> None:
        """List the folder.

        Raises:
            InputError: the folder does not exist or contains neither a photo nor a film.
        """
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder of results")
        self.folder = folder
        self.num_resized = 0
        """Number of results that differed in size from their ground truth."""
        self._paths: dict[tuple[bool, PurePosixPath | str], list[Path]] = defaultdict(list)
        """Results by kind and path or stem: reel.mp4 is not the result for the photo reel.png."""
        for path in sorted(folder.rglob("*")):
            is_film = is_video_name(path)
            is_result = is_film or is_photo_name(path)
            if is_result and path.is_file() and not path.name.startswith("."):
                relative_path = PurePosixPath(path.relative_to(folder).as_posix())
                stem = relative_path.stem.removesuffix(RESULT_SUFFIX)
                self._paths[is_film, relative_path.parent / stem].append(path)
                self._paths[is_film, stem].append(path)
        if not self._paths:
            raise InputError(f"{folder}: contains no photo and no film")

    def find(self, image: GroundTruth) -> Path | None:
        """Return the path of the result for an image; None if there is none.

        The same extension takes precedence over others at the same path.
        """
        path = image.relative_path
        matches = self._paths.get((image.is_frame, path.with_suffix("")))
        if matches:
            return next((p for p in matches if p.suffix == path.suffix), matches[0])
        matches = self._paths.get((image.is_frame, path.stem), [])
        return matches[0] if len(matches) == 1 else None

    def read(self, image: GroundTruth, shape: tuple[int, ...], size: int | None) -> Rgb:
        """Read the result for an image as sRGB, (H, W, 3) uint8; crop and resize it like the image.

        `shape` is that of the ground truth before it is cropped and resized to `size`. A result
        that already has this size is not cropped.

        Raises:
            InputError: there is no result, or it cannot be read.
        """
        path = self.find(image)
        if path is None:
            raise InputError(f"{self.folder}: no result for {image.relative_path}")
        rgb = read_image_rgb(path) if image.time_s is None else _read_frame(path, image.time_s)
        if rgb.shape[:2] == (size, size):
            return rgb
        if rgb.shape[:2] != shape[:2]:
            self.num_resized += 1
            rgb = resize_rgb(rgb, (shape[1], shape[0]))
        return crop_and_resize(rgb, size)
