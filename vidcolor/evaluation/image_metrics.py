"""How like its original a picture is: the figures that need no network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from vidcolor.color.lab import rgb_to_lab
from vidcolor.color.metrics import colorfulness, delta_e_2000, psnr
from vidcolor.color.ycbcr import MATRICES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch import Tensor

    from vidcolor.media.preview import Rgb

WINDOW = 11
"""Side of SSIM's Gaussian window in pixels; its deviation is 1.5."""
_DEVIATION = 1.5
_K1, _K2 = 0.01, 0.03
_BAND = 1024
"""Rows at a time: a scan of 100 megapixels must not take 100 bytes a pixel."""
_LUMA_MATRICES = (MATRICES["bt709"], MATRICES["bt470bg"])
"""A picture's luma is that of one of these: as R'G'B' formats have it, and as JPEG does."""


def picture_psnr(rgb: Rgb, truth: Rgb) -> float:
    """PSNR in dB over all three channels; see `color.metrics.psnr`."""
    return float(psnr(_unit(rgb), _unit(truth)))


def picture_ssim(rgb: Rgb, truth: Rgb) -> float:
    """Mean SSIM of R', G' and B'; see `ssim`. Luma is kept, so that of luma would say nothing."""
    total, count = 0.0, 0
    for rows in _bands(rgb.shape[0], overlap=WINDOW - 1):
        height = rows.stop - rows.start - WINDOW + 1
        total += height * float(ssim(_unit(rgb[rows]), _unit(truth[rows])))
        count += height
    return total / count


def picture_delta_e(rgb: Rgb, truth: Rgb) -> float:
    """CIEDE2000, the mean over all pixels."""
    total = 0.0
    for rows in _bands(rgb.shape[0]):
        labs = (torch.cat(rgb_to_lab(_unit(picture[rows])), dim=1) for picture in (rgb, truth))
        total += float(delta_e_2000(*labs).sum(dtype=torch.float64))
    return float(total / (rgb.shape[0] * rgb.shape[1]))


def picture_colorfulness(rgb: Rgb) -> float:
    """After Hasler & Süsstrunk; see `color.metrics.colorfulness`."""
    return float(colorfulness(_unit(rgb)))


def luma_error(rgb: Rgb, truth: Rgb) -> float:
    """How far luma moved at most, in codes of 8 bits.

    Luma is BT.709's or BT.601's, whichever moved less: a program keeps the one that it knows.
    """
    most = [0.0] * len(_LUMA_MATRICES)
    for rows in _bands(rgb.shape[0]):
        step = rgb[rows].astype(np.float32) - truth[rows].astype(np.float32)
        for n, matrix in enumerate(_LUMA_MATRICES):
            weights = np.array([matrix.kr, matrix.kg, matrix.kb], np.float32)
            most[n] = max(most[n], float(np.abs(step @ weights).max()))
    return float(min(most))


def ssim(picture: Tensor, truth: Tensor) -> Tensor:
    """Structural similarity (Wang et al., "Image quality assessment", 2004).

    Gaussian window of 11x11 pixels and deviation 1.5, K1 = 0.01, K2 = 0.03, range 1, population
    moments, the mean over channels and over all places where the window fits.

    Args:
        picture: (N, C, H, W) in [0, 1]; H and W of at least 11.
        truth: the same shape.

    Returns:
        (N,) float32, at most 1.

    Raises:
        ValueError: the shapes differ, or the pictures are smaller than the window.
    """
    if picture.shape != truth.shape or min(picture.shape[-2:]) < WINDOW:
        raise ValueError(f"{tuple(picture.shape)} and {tuple(truth.shape)}: no window fits both")
    x, y = picture.float(), truth.float()
    mean_x, mean_y = _window_mean(x), _window_mean(y)
    var_x = _window_mean(x * x) - mean_x * mean_x
    var_y = _window_mean(y * y) - mean_y * mean_y
    cov = _window_mean(x * y) - mean_x * mean_y
    c1, c2 = _K1**2, _K2**2
    light = (2 * mean_x * mean_y + c1) / (mean_x * mean_x + mean_y * mean_y + c1)
    structure = (2 * cov + c2) / (var_x + var_y + c2)
    return (light * structure).flatten(1).mean(1)


def _window_mean(planes: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, C, H - 10, W - 10): the Gaussian, across and then down."""
    at = torch.arange(WINDOW, dtype=torch.float32) - WINDOW // 2
    line = torch.exp(-at.square() / (2 * _DEVIATION**2))
    line = line / line.sum()
    singles = planes.flatten(0, 1)[:, None]
    mean = F.conv2d(F.conv2d(singles, line.view(1, 1, 1, -1)), line.view(1, 1, -1, 1))
    return mean.view(*planes.shape[:2], *mean.shape[-2:])


def _bands(height: int, overlap: int = 0) -> Iterator[slice]:
    """Slices of rows that cover a picture; each also has the first `overlap` rows of the next."""
    for top in range(0, max(1, height - overlap), _BAND):
        yield slice(top, min(top + _BAND + overlap, height))


def _unit(rgb: NDArray[np.uint8]) -> Tensor:
    """(H, W, 3) uint8 -> (1, 3, H, W) float32 in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1)))[None].float() / 255
