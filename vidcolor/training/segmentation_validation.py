"""Validation of segmentation on regions of held-out photographs, without degradation.

Each photograph gives one region of one color, which is the same in all validations. Coverage and
leak are measured at stride 4, without the cells at the edge of the region.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
import torch

from vidcolor.color.lab import rgb_to_lab
from vidcolor.imaging.resize import resize_area, resize_linear
from vidcolor.segmentation.network import CELL, STRIDE, Clicks, ImageEmbedding, SegmentationNetwork
from vidcolor.segmentation.regions import find_region
from vidcolor.training.objects import draw_second_view
from vidcolor.training.report import SegmentationMetrics
from vidcolor.training.task import Validator
from vidcolor.training.trainer import autocast
from vidcolor.training.validation import NUM_EXAMPLES, center_square, select_evenly

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray
    from torch import Tensor

    from vidcolor.generators.device import Precision
    from vidcolor.generators.network import EmbeddedNetwork
    from vidcolor.imaging.types import FloatArray, Rgb
    from vidcolor.training.config import RunOptions
    from vidcolor.training.dataset import PhotoStore

AREA_LIMITS = (0.02, 0.35)
"""Minimum and maximum area of a region, as a share of the photograph."""
MIN_CORE = 0.003
"""Minimum area of a region without its edge, as a share of the photograph."""
NUM_CLICKS = 3
"""Number of clicks, of which the first lies in the middle of the region."""
_MAX_TRIES = 5
"""Maximum number of regions that are drawn in a photograph until one is suitable."""


class MeasuredRegion(NamedTuple):
    """A region of a photograph, in two views of side S."""

    views: tuple[Rgb, Rgb]
    """(S, S, 3) uint8."""
    masks: tuple[FloatArray, FloatArray]
    """Masks at stride 2: (S / 2, S / 2) float32 in [0, 1]."""
    clicks: tuple[tuple[int, int], ...]
    """Row and column of each clicked cell in the first view."""
    inside: NDArray[np.bool_]
    """Cells of the first view that lie in the region: (S / 4, S / 4)."""
    outside: NDArray[np.bool_]
    """Cells of the first view that do not touch the region: (S / 4, S / 4)."""


def draw_measured_region(rgb: Rgb, rng: Generator) -> MeasuredRegion | None:
    """Draw a region of a photograph, (S, S, 3) uint8; None if no suitable one is found."""
    side = rgb.shape[0]
    small = resize_area(rgb, (side // STRIDE, side // STRIDE))
    smallest, largest = AREA_LIMITS
    for _ in range(_MAX_TRIES):
        region = find_region(small, rng)
        if region is not None and smallest < region.mean() < largest:
            break
    else:
        return None
    cells = resize_area(region, (side // CELL, side // CELL))
    core = cv2.erode((cells > 0.9).astype(np.uint8), np.ones((3, 3), np.uint8))
    rows, columns = np.nonzero(core)
    if len(rows) < max(MIN_CORE * core.size, 1):
        return None
    depth = cv2.distanceTransform((cells > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    clicks = [divmod(int(depth.argmax()), depth.shape[1])]
    for i in rng.integers(0, len(rows), NUM_CLICKS - 1):
        clicks.append((int(rows[i]), int(columns[i])))
    touched = cv2.dilate((cells > 0.05).astype(np.uint8), np.ones((3, 3), np.uint8))
    full = resize_linear(region, (side, side))
    second, (second_mask,) = draw_second_view(rgb, [full], rng)
    masks = region, resize_area(second_mask, (side // STRIDE, side // STRIDE))
    return MeasuredRegion((rgb, second), masks, tuple(clicks), cells > 0.9, touched == 0)


class SegmentationValidator(Validator[SegmentationNetwork]):
    """Measures the masks of regions after clicks in them, and in a second view from memory."""

    def __init__(
        self,
        store: PhotoStore,
        backbone: EmbeddedNetwork,
        device: torch.device,
        precision: Precision,
        options: RunOptions,
    ) -> None:
        """Draw a region in each of the selected photographs; some may have none."""
        self._backbone, self._device, self._precision = backbone, device, precision
        self._regions = []
        for number in select_evenly(len(store), options.validation_images):
            square = center_square(store[number], options.validation_size)
            rgb = (square.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
            region = draw_measured_region(rgb, np.random.default_rng((NUM_CLICKS, number)))
            if region is not None:
                self._regions.append(region)

    @property
    def num_objects(self) -> int:
        """Number of regions."""
        return len(self._regions)

    @torch.no_grad()
    def measure(self, network: SegmentationNetwork) -> SegmentationMetrics:
        """Measure coverage, leak and the IoU in the second view."""
        rows = []
        for region in self._regions:
            first, second = (self._embed(network, view) for view in region.views)
            row: list[float] = []
            for count in (1, NUM_CLICKS):
                mask = self._segment_clicks(network, first, region.clicks[:count])
                row += _measure_coverage(mask, region)
            found = self._segment_memory(network, first, second, region.masks[0])
            row.append(_intersection_over_union(found > 0.5, region.masks[1] > 0.5))
            rows.append(row)
        table = np.array(rows)
        mean, median = table.mean(0).tolist(), np.median(table, axis=0).tolist()
        return SegmentationMetrics(
            coverage=mean[0],
            # A few regions that leak into the whole image would dominate the mean.
            leak=median[1],
            coverage_3_clicks=mean[2],
            leak_3_clicks=median[3],
            memory_iou=mean[4],
            num_objects=len(rows),
        )

    @torch.no_grad()
    def draw_images(self, network: SegmentationNetwork) -> dict[str, Rgb]:
        """Return the masks of some regions in red over the gray images, with the true ones."""
        rows: dict[str, list[Rgb]] = {}
        for number in select_evenly(len(self._regions), NUM_EXAMPLES):
            region = self._regions[number]
            first, second = (self._embed(network, view) for view in region.views)
            clicked = self._segment_clicks(network, first, region.clicks[:1])
            found = self._segment_memory(network, first, second, region.masks[0])
            images = {
                "1 click": _overlay(region.views[0], clicked, region.clicks[:1]),
                "true region": _overlay(region.views[0], region.masks[0]),
                "second view": _overlay(region.views[1], found),
                "true second view": _overlay(region.views[1], region.masks[1]),
            }
            for label, image in images.items():
                rows.setdefault(label, []).append(image)
        return {label: np.stack(images) for label, images in rows.items()}

    def _embed(self, network: SegmentationNetwork, rgb: Rgb) -> ImageEmbedding:
        planes = torch.from_numpy(rgb).permute(2, 0, 1)[None].to(self._device).float() / 255
        luma, _ = rgb_to_lab(planes)
        features = self._backbone.extract_features(luma)
        with autocast(self._device, self._precision):
            return network.embed(features, luma)

    def _segment_clicks(
        self,
        network: SegmentationNetwork,
        image: ImageEmbedding,
        clicks: tuple[tuple[int, int], ...],
    ) -> FloatArray:
        """Return the mask after clicks in cells, (S / 2, S / 2) float32 in [0, 1]."""
        points = torch.tensor(clicks, dtype=torch.float32, device=self._device) + 0.5
        with autocast(self._device, self._precision):
            maps = network.click_maps(image, [Clicks(points, points[:0])])
            return _to_mask(network(image, clicks=maps))

    def _segment_memory(
        self,
        network: SegmentationNetwork,
        first: ImageEmbedding,
        second: ImageEmbedding,
        mask: FloatArray,
    ) -> FloatArray:
        """Return the mask in the second view, (S / 2, S / 2) float32 in [0, 1]."""
        known = torch.from_numpy(mask)[None].to(self._device)
        with autocast(self._device, self._precision):
            memory = network.memory_maps(second, network.remember(first, known))
            return _to_mask(network(second, memory=memory))


def _measure_coverage(mask: FloatArray, region: MeasuredRegion) -> tuple[float, float]:
    """Return the coverage of a region by a mask, and its leak."""
    cells = resize_area(mask, region.inside.shape)
    leaked = cells[region.outside].sum() / region.inside.sum()
    return float(cells[region.inside].mean()), float(leaked)


def _intersection_over_union(mask: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """Return the intersection over union; 1 if both masks are empty."""
    union = int((mask | truth).sum())
    return int((mask & truth).sum()) / union if union else 1.0


def _to_mask(logits: Tensor) -> FloatArray:
    mask: FloatArray = logits.float().sigmoid()[0, 0].cpu().numpy()
    return mask


def _overlay(rgb: Rgb, mask: FloatArray, clicks: tuple[tuple[int, int], ...] = ()) -> Rgb:
    """Draw a mask in red over the gray of a view, and its clicks in green."""
    side = rgb.shape[0]
    gray = cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    alpha = 0.6 * resize_linear(mask, (side, side))[..., None]
    mixed = gray + alpha * (np.array([255, 0, 0], np.float32) - gray)
    image = np.ascontiguousarray(np.rint(mixed).astype(np.uint8))
    for row, column in clicks:
        center = round((column + 0.5) * CELL), round((row + 0.5) * CELL)
        cv2.circle(image, center, max(2, side // 64), (0, 255, 0), -1)
    return image
