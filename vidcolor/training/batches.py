"""Training batches of colorization: random crops, degraded luma and simulated hints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from vidcolor.color.lab import gray_to_lightness, rgb_to_lab
from vidcolor.generators.network import STRIDE
from vidcolor.imaging.resize import resize_area, resize_linear
from vidcolor.training.degrade import degrade
from vidcolor.training.hints import draw_hints
from vidcolor.training.stream import BatchStream

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidcolor.imaging.types import FloatArray, Rgb
    from vidcolor.training.dataset import PhotoStore

MIN_CROP = 0.6
"""Minimum side of a crop, as a share of the short side of the image."""
MAX_CROP_ASPECT = 1.15
"""Maximum aspect ratio of a crop, which is then scaled to a square."""


class Batch(NamedTuple):
    """Input and ground truth of one forward pass, float32; S is the side of the images."""

    image: Tensor
    """Photographs, (N, 3, S, S), sRGB in [0, 1]."""
    luma: Tensor
    """L* input of the network, possibly degraded, (N, 1, S, S) in [0, 100]."""
    ab: Tensor
    """True a*, b*, (N, 2, S / 4, S / 4)."""
    hint_ab: Tensor
    """Hint a*, b*, (N, 2, S / 4, S / 4); 0 where there is no hint."""
    density: Tensor
    """Hint density, (N, 1, S / 4, S / 4) in [0, 1]."""


class PackedBatch(NamedTuple):
    """A batch with 8-bit images, as it is sent between processes."""

    image: Tensor
    """(N, S, S, 3) uint8 sRGB."""
    gray: Tensor
    """(N, S, S) uint8, sRGB-encoded gray."""
    hint_ab: Tensor
    density: Tensor

    def to(self, device: torch.device) -> Batch:
        """Move to a device and convert to floating point, which is fast on a GPU."""
        image, gray, hint_ab, density = (t.to(device, non_blocking=True) for t in self)
        rgb = image.permute(0, 3, 1, 2).float() / 255
        luma = gray_to_lightness(gray.unsqueeze(1).float() / 255)
        ab = F.avg_pool2d(rgb_to_lab(rgb)[1], STRIDE)
        return Batch(rgb, luma, ab, hint_ab, density)


@dataclass(frozen=True, kw_only=True)
class ColorBatchStream(BatchStream[PackedBatch]):
    """Batches of photographs with degraded luma and simulated hints."""

    replay: PhotoStore | None = None
    """Replay photographs, mixed into each batch."""
    replay_share: float = 0.25
    """Share of the replay photographs in each batch."""

    def __getitem__(self, number: int) -> PackedBatch:
        """Return the batch with a number, from 0."""
        num_replay = 0
        if self.replay and self.replay_share:
            # Even a small batch contains at least one image of each store.
            num_replay = min(max(round(self.batch * self.replay_share), 1), self.batch - 1)
        samples = self._draw_images(self.store, 0, number, self.batch - num_replay)
        if self.replay:
            samples += self._draw_images(self.replay, 1, number, num_replay)
        parts = (np.stack(part) for part in zip(*samples, strict=True))
        return PackedBatch(*map(torch.from_numpy, parts))

    def _draw_images(
        self, store: PhotoStore, stream: int, number: int, size: int
    ) -> list[tuple[Rgb, NDArray[np.uint8], FloatArray, FloatArray]]:
        """Draw the crop, gray, hints and density of each image from one store in a batch."""
        images = []
        for photo, rng in self.draw_photos(store, stream, number, size):
            rgb = random_crop(photo, self.size, rng)
            gray = degrade(rgb, rng, self.degraded_share)
            images.append((rgb, gray, *draw_hints(downsample_ab(rgb), rng)))
        return images


def random_crop(rgb: Rgb, size: int, rng: np.random.Generator) -> Rgb:
    """Crop a random part with a random aspect ratio, scale it to a square and flip it at random."""
    height, width = rgb.shape[:2]
    side = min(height, width) * rng.uniform(MIN_CROP, 1.0)
    aspect = MAX_CROP_ASPECT ** rng.uniform(-0.5, 0.5)
    crop_height = min(height, max(1, round(side * aspect)))
    crop_width = min(width, max(1, round(side / aspect)))
    top = rng.integers(height - crop_height + 1)
    left = rng.integers(width - crop_width + 1)
    crop = np.ascontiguousarray(rgb[top : top + crop_height, left : left + crop_width])
    # Area averaging when reducing avoids aliasing; it cannot enlarge smoothly.
    resize = resize_area if min(crop_height, crop_width) >= size else resize_linear
    scaled = resize(crop, (size, size))
    if rng.random() < 0.5:
        scaled = scaled[:, ::-1]
    return np.ascontiguousarray(scaled, np.uint8)


def downsample_ab(rgb: Rgb) -> FloatArray:
    """Return the a*, b* of an image at the output stride of the network, (2, S / 4, S / 4)."""
    # Converting after the reduction costs a sixteenth, and the result is close enough to the mean
    # a*, b* of the pixels to serve as a hint.
    side = rgb.shape[0] // STRIDE
    small = resize_area(rgb, (side, side))
    planes = torch.from_numpy(small).permute(2, 0, 1).unsqueeze(0).float() / 255
    ab: FloatArray = rgb_to_lab(planes)[1][0].numpy()
    return ab
