"""Image metrics on torch tensors: PSNR, colorfulness and CIEDE2000.

Training, evaluation and benchmarks all use these functions, so that their numbers can be compared.
All functions compute in float32, on the device of their input.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

PSNR_CEILING = 100.0
"""Maximum reported PSNR, in dB. It keeps means finite if images are identical."""


def psnr(image: Tensor, truth: Tensor) -> Tensor:
    """Compute the peak signal-to-noise ratio over all components of each image.

    Both are (N, C, H, W) in [0, 1]. The result is (N,) float32 in dB, at most `PSNR_CEILING`.

    Raises:
        ValueError: the shapes differ or are not (N, C, H, W).
    """
    if image.shape != truth.shape or image.ndim != 4:
        raise ValueError(f"{tuple(image.shape)} and {tuple(truth.shape)} are not (N, C, H, W)")
    error = (image.float() - truth.float()).square().flatten(1).mean(1)
    return -10 * torch.log10(error.clamp(min=10 ** (-PSNR_CEILING / 10)))


def colorfulness(rgb: Tensor) -> Tensor:
    """Compute colorfulness (Hasler & Süsstrunk, "Measuring colorfulness in natural images", 2003).

    The metric is sqrt(var rg + var yb) + 0.3 sqrt(mean(rg)² + mean(yb)²), with the signed opponent
    components rg = R - G and yb = (R + G) / 2 - B on the 0-255 scale, and population variances.

    Args:
        rgb: encoded sRGB, (N, 3, H, W) in [0, 1].

    Returns:
        (N,) float32. 0 is gray; about 15 is slightly, 45 averagely and 80 highly colorful.
    """
    red, green, blue = (255 * rgb.float()).flatten(2).unbind(1)
    rg, yb = red - green, (red + green) / 2 - blue
    spread = rg.var(1, correction=0) + yb.var(1, correction=0)
    shift = rg.mean(1).square() + yb.mean(1).square()
    return spread.clamp(min=0).sqrt() + 0.3 * shift.sqrt()


def delta_e_2000(lab: Tensor, truth: Tensor) -> Tensor:
    """Compute CIEDE2000 (CIE 142-2001; Sharma, Wu & Dalal, 2005) with kL = kC = kH = 1.

    Args:
        lab: L*, a*, b*, (N, 3, ...); L* in [0, 100].
        truth: the reference, same shape.

    Returns:
        (N, 1, ...) float32; about 1 is a just noticeable difference between patches.
    """
    l1, a1, b1 = lab.float().chunk(3, dim=1)
    l2, a2, b2 = truth.float().chunk(3, dim=1)
    # G stretches a* near the gray axis, where CIELAB underestimates differences.
    mean_chroma = (torch.hypot(a1, b1) + torch.hypot(a2, b2)) / 2
    gain = 1.5 - 0.5 * _ratio_7(mean_chroma)
    c1, c2 = torch.hypot(a1 * gain, b1), torch.hypot(a2 * gain, b2)
    h1, h2 = _hue(a1 * gain, b1), _hue(a2 * gain, b2)
    gray = c1 * c2 == 0

    turn = 2 * math.pi
    angle = h2 - h1
    angle = torch.where(angle > math.pi, angle - turn, angle)
    angle = torch.where(angle < -math.pi, angle + turn, angle)
    delta_h = torch.where(gray, 0.0, 2 * (c1 * c2).sqrt() * torch.sin(angle / 2))

    lightness, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    total = h1 + h2
    wrapped = torch.where(total < turn, total + turn, total - turn)
    hue = torch.where((h1 - h2).abs() > math.pi, wrapped, total) / 2
    hue = torch.where(gray, total, hue)

    square = (lightness - 50).square()
    scale_l = 1 + 0.015 * square / (20 + square).sqrt()
    scale_c = 1 + 0.045 * chroma
    scale_h = 1 + 0.015 * chroma * _hue_weight(hue)
    # In the blue region chroma and hue differences interact: the tolerance ellipses are tilted.
    tilt = torch.exp(-((torch.rad2deg(hue) - 275) / 25).square())
    rotation = -2 * _ratio_7(chroma) * torch.sin(torch.deg2rad(60 * tilt))

    term_l, term_c, term_h = (l2 - l1) / scale_l, (c2 - c1) / scale_c, delta_h / scale_h
    squared = term_l.square() + term_c.square() + term_h.square() + rotation * term_c * term_h
    return squared.clamp(min=0).sqrt()


def _ratio_7(chroma: Tensor) -> Tensor:
    """Return sqrt(C⁷ / (C⁷ + 25⁷))."""
    power = (chroma / 25) ** 7
    return (power / (power + 1)).sqrt()


def _hue(a: Tensor, b: Tensor) -> Tensor:
    """Return the hue angle in [0, 2π); 0 for gray."""
    return torch.atan2(b, a).remainder(2 * math.pi)


def _hue_weight(hue: Tensor) -> Tensor:
    """Return T of the standard, the dependence of hue tolerance on the hue."""
    degrees = torch.rad2deg(hue)
    terms = ((-0.17, 1, -30.0), (0.24, 2, 0.0), (0.32, 3, 6.0), (-0.20, 4, -63.0))
    weight = torch.ones_like(hue)
    for amount, times, phase in terms:
        weight = weight + amount * torch.cos(torch.deg2rad(times * degrees + phase))
    return weight
