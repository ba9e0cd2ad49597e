"""Metrics of one image against its ground truth, computed from pixels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from vidcolor.color.lab import rgb_to_lab
from vidcolor.color.metrics import colorfulness, delta_e_2000, psnr
from vidcolor.color.ycbcr import MATRICES, rgb_to_luma

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch import Tensor

    from vidcolor.imaging.types import FloatArray, Mask, Rgb

SSIM_WINDOW = 11
"""Side of SSIM's Gaussian window in pixels."""
_BAND_ROWS = 1024
"""Number of rows processed at a time, so that memory does not grow with large scans."""
_LUMA_MATRICES = (MATRICES["bt709"], MATRICES["bt470bg"])
"""Matrices of the luma that a program may have preserved: BT.709, or BT.601 as in JPEG."""

EDGE_FRACTION = 0.1
"""Maximum fraction of an image's pixels that are edge pixels: those with the largest gradients. The
limit is relative, because predicted colors are paler than true ones but should change at the same
positions."""
MIN_EDGE_GRADIENT = 0.5
"""Minimum gradient of an edge in a*b* units per pixel. A smoothed step of one code of an 8-bit
chroma plane reaches about 0.4."""
EDGE_TOLERANCE = 2
"""Maximum distance between matching edge pixels of two images, in pixels."""


def image_psnr(rgb: Rgb, ground_truth: Rgb) -> float:
    """Return the PSNR in dB over R', G' and B' of (H, W, 3) uint8; see `color.metrics.psnr`."""
    return float(psnr(_to_unit(rgb), _to_unit(ground_truth)))


def image_ssim(rgb: Rgb, ground_truth: Rgb) -> float:
    """Return the mean SSIM of R', G' and B' of (H, W, 3) uint8; see `ssim`.

    SSIM of luma, which is common elsewhere, would be 1 for any result that preserves luma.
    """
    total, count = 0.0, 0
    for rows in _split_into_bands(rgb.shape[0], overlap=SSIM_WINDOW - 1):
        height = rows.stop - rows.start - SSIM_WINDOW + 1
        total += height * float(ssim(_to_unit(rgb[rows]), _to_unit(ground_truth[rows])))
        count += height
    return total / count


def image_delta_e(rgb: Rgb, ground_truth: Rgb) -> float:
    """Return the mean CIEDE2000 over all pixels of two images, (H, W, 3) uint8 sRGB."""
    total = 0.0
    for rows in _split_into_bands(rgb.shape[0]):
        labs = (torch.cat(rgb_to_lab(_to_unit(i[rows])), dim=1) for i in (rgb, ground_truth))
        total += float(delta_e_2000(*labs).sum(dtype=torch.float64))
    return float(total / (rgb.shape[0] * rgb.shape[1]))


def image_colorfulness(rgb: Rgb) -> float:
    """Return the colorfulness of (H, W, 3) uint8 sRGB; see `color.metrics.colorfulness`."""
    return float(colorfulness(_to_unit(rgb)))


def max_luma_error(rgb: Rgb, ground_truth: Rgb) -> float:
    """Return the maximum change of luma between two images, (H, W, 3) uint8, in 8-bit codes.

    It is the smaller one of those with BT.709 and with BT.601, because the matrix of the program
    that made the image is unknown.
    """
    errors = [0.0] * len(_LUMA_MATRICES)
    for rows in _split_into_bands(rgb.shape[0]):
        difference = rgb[rows].astype(np.float32) - ground_truth[rows].astype(np.float32)
        for n, matrix in enumerate(_LUMA_MATRICES):
            errors[n] = max(errors[n], float(np.abs(rgb_to_luma(difference, matrix)).max()))
    return float(min(errors))


def ssim(image: Tensor, ground_truth: Tensor) -> Tensor:
    """Return the structural similarity of images, the mean over channels and positions.

    Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", IEEE
    TIP 2004, with a Gaussian window of 11x11 pixels and standard deviation 1.5, K1 = 0.01,
    K2 = 0.03, a value range of 1, and population moments, where the window fits.

    Both are (N, C, H, W) float in [0, 1], H and W at least 11. The result is (N,) float32, at
    most 1.

    Raises:
        ValueError: the shapes differ, or the images are smaller than the window.
    """
    if image.shape != ground_truth.shape or min(image.shape[-2:]) < SSIM_WINDOW:
        shapes = f"{tuple(image.shape)} and {tuple(ground_truth.shape)}"
        raise ValueError(f"images must have one shape of at least 11x11 pixels, got {shapes}")
    offsets = torch.arange(SSIM_WINDOW, dtype=torch.float32) - SSIM_WINDOW // 2
    kernel = torch.exp(-offsets.square() / (2 * 1.5**2))
    kernel = kernel / kernel.sum()

    def window_mean(planes: Tensor) -> Tensor:
        single = planes.flatten(0, 1)[:, None]
        rows = F.conv2d(single, kernel.view(1, 1, 1, -1))
        mean = F.conv2d(rows, kernel.view(1, 1, -1, 1))
        return mean.view(*planes.shape[:2], *mean.shape[-2:])

    x, y = image.float(), ground_truth.float()
    mean_x, mean_y = window_mean(x), window_mean(y)
    var_x = window_mean(x * x) - mean_x * mean_x
    var_y = window_mean(y * y) - mean_y * mean_y
    cov = window_mean(x * y) - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x * mean_x + mean_y * mean_y + c1)
    structure = (2 * cov + c2) / (var_x + var_y + c2)
    return (luminance * structure).flatten(1).mean(1)


def _split_into_bands(height: int, overlap: int = 0) -> Iterator[slice]:
    """Yield slices of rows that cover an image. Each includes `overlap` rows of the next one."""
    for top in range(0, max(1, height - overlap), _BAND_ROWS):
        yield slice(top, min(top + _BAND_ROWS + overlap, height))


def _to_unit(rgb: NDArray[np.uint8]) -> Tensor:
    """Convert (H, W, 3) uint8 to (1, 3, H, W) float32 in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1)))[None].float() / 255


def detect_chroma_edges(ab: FloatArray) -> Mask:
    """Return thin edges of a*, b*: (H, W, 2) float32 -> (H, W) bool.

    The gradient of both channels together is computed after smoothing. At an edge pixel its
    magnitude is a maximum across the edge, belongs to the largest `EDGE_FRACTION` of the image, and
    exceeds `MIN_EDGE_GRADIENT`.
    """
    import cv2

    # The Gaussian removes noise and 8-bit quantization steps.
    smooth = np.asarray(cv2.GaussianBlur(ab, (0, 0), 1.0), np.float32)
    gradient_x, gradient_y = (
        np.asarray(cv2.Sobel(smooth, cv2.CV_32F, *order, scale=1 / 8), np.float32).reshape(ab.shape)
        for order in ((1, 0), (0, 1))
    )
    magnitude: FloatArray = np.sqrt(
        (gradient_x * gradient_x + gradient_y * gradient_y).sum(axis=-1)
    )
    threshold = max(float(np.quantile(magnitude, 1 - EDGE_FRACTION)), MIN_EDGE_GRADIENT)
    edges: Mask = _suppress_non_maxima(magnitude, gradient_x, gradient_y) & (magnitude > threshold)
    return edges


def _suppress_non_maxima(
    magnitude: FloatArray, gradient_x: FloatArray, gradient_y: FloatArray
) -> Mask:
    """Return the pixels whose gradient is a maximum across the edge: (H, W) bool."""
    # The direction across the edge, rounded to a multiple of 45°, is the main axis of the structure
    # tensor of both channels (Di Zenzo, "A Note on the Gradient of a Multi-Image", 1986).
    xx, yy = (gradient_x * gradient_x).sum(axis=-1), (gradient_y * gradient_y).sum(axis=-1)
    angle = np.arctan2(2 * (gradient_x * gradient_y).sum(axis=-1), xx - yy) / 2
    direction = np.rint(angle / (math.pi / 4)).astype(int) % 4
    padded = np.pad(magnitude, 1)
    is_maximum = np.zeros(magnitude.shape, bool)
    height, width = magnitude.shape
    for n, (x, y) in enumerate(((1, 0), (1, 1), (0, 1), (-1, 1))):
        after = padded[1 + y : 1 + y + height, 1 + x : 1 + x + width]
        before = padded[1 - y : 1 - y + height, 1 - x : 1 - x + width]
        # >= on one side only, so that one of two equal neighbors remains.
        is_maximum |= (direction == n) & (magnitude >= after) & (magnitude > before)
    return is_maximum


def edge_f1(edges: Mask, ground_truth: Mask) -> float:
    """Return the harmonic mean of precision and recall of edges, within `EDGE_TOLERANCE` pixels.

    Edges are (H, W) bool from `detect_chroma_edges`. The score is in [0, 1]; NaN if the ground
    truth has no edges.
    """
    import cv2

    if not ground_truth.any():
        return math.nan
    if not edges.any():
        return 0.0
    side = 2 * EDGE_TOLERANCE + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    near_truth, near_edges = (
        np.asarray(cv2.dilate(mask.astype(np.uint8), disc)).astype(bool)
        for mask in (ground_truth, edges)
    )
    precision, recall = float(near_truth[edges].mean()), float(near_edges[ground_truth].mean())
    total = precision + recall
    return 2 * precision * recall / total if total else 0.0
