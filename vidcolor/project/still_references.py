"""The color of references in single frames of a shot, without tracking.

A frame with a reference gets the same mask as in the film. Any other frame of its shot gets the
color of similar places, as a key frame does in `hints.tracks`, and that which optical flow carries
directly from the nearest frame with a reference, instead of from frame to frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vidcolor.fileio import sha256_file
from vidcolor.hints.color_transfer import read_reference
from vidcolor.hints.object_tracks import mask_shape
from vidcolor.hints.reference_masks import ReferenceMasks
from vidcolor.hints.timeline import middle_frame
from vidcolor.hints.tracking import FORWARD_BACKWARD_LIMITS, PHOTOMETRIC_LIMITS
from vidcolor.hints.tracks import HintTrack, upsample_similar_color
from vidcolor.imaging.overlay import composite_overlays, resize_overlay
from vidcolor.imaging.resize import resize_area
from vidcolor.motion.flow import DisFlow, estimate_flow, pixel_grid
from vidcolor.motion.flow_chain import FlowChain, forward_backward_check, photometric_check
from vidcolor.project.recent import Recent
from vidcolor.project.render import find_images
from vidcolor.propagation.flow_frames import make_analysis_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from vidcolor.colorizer import Colorizer
    from vidcolor.hints.color_transfer import ReferenceImage
    from vidcolor.imaging.overlay import ColorOverlay
    from vidcolor.imaging.types import FloatArray
    from vidcolor.media.decode import Frame
    from vidcolor.media.probe import VideoInfo
    from vidcolor.project.document import ProjectDocument
    from vidcolor.propagation.flow_frames import AnalysisFrame
    from vidcolor.segmentation.model import EmbeddedImage

    Read = Callable[[int], Frame]
    GetProxy = Callable[[int], FloatArray]
    Embed = Callable[[int], EmbeddedImage]

_MAX_IMAGES, _MAX_MASKS, _MAX_MATCHES = 4, 8, 256
"""Numbers of reference images, of their masks and of their matches that are kept."""
MAX_REFERENCES = 4
"""Maximum number of references of a shot that apply to one frame: those of the nearest frames."""


class PlacedImage(NamedTuple):
    """A reference and the frame that it shows."""

    path: Path
    frame: int


class ReferencePainter:
    """Paints the color of references in the frames of one film. Masks are kept."""

    def __init__(
        self,
        video: VideoInfo,
        colorizer: Colorizer,
        read: Read,
        get_proxy: GetProxy,
        embed: Embed,
    ) -> None:
        """Prepare; the functions return a frame of the film, its proxy and its embedding."""
        self._masks, self._colorizer = ReferenceMasks(video, colorizer), colorizer
        self._read, self._get_proxy, self._embed = read, get_proxy, embed
        self._estimator = DisFlow()
        self._images: Recent[ReferenceImage] = Recent(_MAX_IMAGES)
        self._made: Recent[ColorOverlay] = Recent(_MAX_MASKS)
        self._matches: Recent[float] = Recent(_MAX_MATCHES)

    def choose(self, path: Path, document: ProjectDocument, frame: int) -> list[PlacedImage]:
        """Return the references that apply to the shot of a frame.

        Those without a frame apply where the shot has none with a frame: the one that matches its
        middle frame best. One that matches no shot gives its palette to the whole film, which is
        not done here, because all shots would have to be compared.

        Raises:
            InputError: an image is missing, or cannot be read.
        """
        index = document.find_shot(frame)
        rows = document.get_references(index)
        if placed := [
            PlacedImage(image, row.frame)
            for image, row in zip(find_images(path, rows), rows, strict=True)
            if row.frame is not None
        ]:
            return placed
        paths = find_images(path, document.get_references(None))
        middle = middle_frame(document.get_range(index))
        best = self._find_best(paths, middle)
        return [] if best is None else [PlacedImage(best, middle)]

    def _find_best(self, paths: Sequence[Path], frame: int) -> Path | None:
        """Return the reference that matches a frame best; None if none matches."""

        def match(path: Path) -> float:
            key = sha256_file(path), frame
            return self._matches.get(
                key, lambda: self._masks.match(self._read_image(path), self._read(frame))
            )

        best = max(paths, key=match, default=None)
        return best if best is not None and match(best) > 0 else None

    def paint(
        self, frame: int, references: Sequence[PlacedImage], vividness: float | None
    ) -> ColorOverlay:
        """Return the color that the references of a shot, at least one, give to an upright frame.

        Args:
            frame: index of the frame.
            references: the references of its shot.
            vividness: vividness of the shot.

        Raises:
            InputError: a reference cannot be read.
        """
        nearest = sorted(references, key=lambda item: abs(item.frame - frame))[:MAX_REFERENCES]
        masks = [self._make_mask(item, vividness) for item in nearest]
        shape = mask_shape(self._get_proxy(frame))
        similar = self._find_similar(frame, nearest, masks, shape)
        carried = masks[0]
        if nearest[0].frame != frame:
            carried = self._carry(carried, nearest[0].frame, frame)
        return composite_overlays(resize_overlay(carried, shape), similar)

    def _read_image(self, path: Path) -> ReferenceImage:
        return self._images.get(sha256_file(path), lambda: read_reference(path))

    def _analyze(self, frame: int) -> AnalysisFrame:
        return make_analysis_frame(self._read(frame), self._get_proxy(frame))

    def _make_mask(self, item: PlacedImage, vividness: float | None) -> ColorOverlay:
        def make() -> ColorOverlay:
            image = self._read_image(item.path)
            return self._masks.make(image, self._analyze(item.frame), vividness)[0]

        return self._made.get((sha256_file(item.path), item.frame, vividness), make)

    def _find_similar(
        self,
        frame: int,
        references: Sequence[PlacedImage],
        masks: Sequence[ColorOverlay],
        shape: tuple[int, int],
    ) -> ColorOverlay:
        """Return the color of places that are similar to those of frames with a reference."""
        segmentation = self._colorizer.segmentation
        cells = [segmentation.keys(self._embed(item.frame)) for item in references]
        maps = [np.stack([*(mask.ab * mask.alpha), mask.alpha]) for mask in masks]
        values, similarity = segmentation.transfer(self._embed(frame), cells, maps)
        return upsample_similar_color(
            values, similarity, resize_area(self._get_proxy(frame), shape)
        )

    def _carry(self, mask: ColorOverlay, source: int, target: int) -> ColorOverlay:
        """Carry a mask from one frame to another one of the shot by the flow between both."""
        first, second = self._analyze(source).flow_input, self._analyze(target).flow_input
        flow = estimate_flow(first, second, self._estimator)
        grid = pixel_grid(second.luma.shape)
        to_source = FlowChain(grid + flow.backward, flow.backward_confidence)
        to_target = FlowChain(grid + flow.forward, flow.forward_confidence)
        link = forward_backward_check(to_source, to_target, FORWARD_BACKWARD_LIMITS)
        link = photometric_check(link, second.normalized, first.normalized, PHOTOMETRIC_LIMITS)
        track = HintTrack(0, source, mask)
        track.advance(link, second.luma)
        return track.mask
