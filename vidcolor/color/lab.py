"""sRGB to CIELAB and back, on torch tensors.

Formulas: the sRGB transfer curve and primaries from IEC 61966-2-1:1999; CIELAB from CIE 15:2018,
with the exact constants (216/24389 and 24389/27) rather than their rounded forms, so that the two
branches of each curve meet. White is D65 for the 2 degree observer, as sRGB defines it: no
chromatic adaptation anywhere. Every function is pure and element-wise over pixels, computes in
float32 whatever float type it is given, and returns float32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

RGB_TO_XYZ = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)
"""Linear sRGB to CIE XYZ. Seven digits, so that the rows sum to the white: gray stays gray."""
XYZ_TO_RGB = (
    (3.2404542, -1.5371385, -0.4985314),
    (-0.9692660, 1.8760108, 0.0415560),
    (0.0556434, -0.2040259, 1.0572252),
)
"""CIE XYZ to linear sRGB: the inverse of `RGB_TO_XYZ`."""
WHITE = (0.95047, 1.0, 1.08883)
"""D65 in XYZ."""

EPSILON = 216 / 24389
"""Below this relative luminance (about 0.9 %), L* is linear in luminance (CIE 15, 8.2.1)."""
KAPPA = 24389 / 27
"""Slope of that linear part: L* = KAPPA * Y."""


def srgb_to_linear(srgb: Tensor) -> Tensor:
    """Undo the sRGB transfer curve (IEC 61966-2-1, 5.2).

    Args:
        srgb: encoded values in [0, 1], any shape.

    Returns:
        Linear light in [0, 1], same shape, float32.
    """
    srgb = srgb.float()
    return torch.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055).clamp(min=0) ** 2.4)


def linear_to_srgb(linear: Tensor) -> Tensor:
    """Apply the sRGB transfer curve (IEC 61966-2-1, 5.2).

    Args:
        linear: linear light, any shape; [0, 1] for colors inside the gamut.

    Returns:
        Encoded values, same shape, float32; not clipped.
    """
    linear = linear.float()
    # The power branch is evaluated everywhere: without the clamp it is NaN below zero, and so
    # would be its gradient, even where the other branch is taken.
    power = 1.055 * linear.clamp(min=1e-8) ** (1 / 2.4) - 0.055
    return torch.where(linear <= 0.0031308, 12.92 * linear, power)


def gray_to_lightness(gray: Tensor) -> Tensor:
    """Lightness of sRGB-encoded gray.

    Args:
        gray: encoded gray in [0, 1], any shape, e.g. (N, 1, H, W).

    Returns:
        L* in [0, 100], same shape, float32.
    """
    return 116 * _lab_curve(srgb_to_linear(gray)) - 16


def lightness_to_gray(lightness: Tensor) -> Tensor:
    """Inverse of `gray_to_lightness`.

    Args:
        lightness: L* in [0, 100], any shape.

    Returns:
        sRGB-encoded gray in [0, 1], same shape, float32.
    """
    return linear_to_srgb(_lab_curve_inverse((lightness.float() + 16) / 116))


def rgb_to_lab(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """Convert sRGB pictures to CIELAB.

    Args:
        rgb: (N, 3, H, W), encoded sRGB in [0, 1].

    Returns:
        L*, (N, 1, H, W) float32 in [0, 100]; and a*, b*, (N, 2, H, W) float32, about -110 to 110.
    """
    xyz = _mix(RGB_TO_XYZ, srgb_to_linear(rgb)) / _white(rgb)
    fx, fy, fz = _lab_curve(xyz).chunk(3, dim=1)
    return 116 * fy - 16, torch.cat([500 * (fx - fy), 200 * (fy - fz)], dim=1)


def lab_to_rgb(lightness: Tensor, ab: Tensor, clip: bool = True) -> Tensor:
    """Convert CIELAB to sRGB pictures.

    Args:
        lightness: L*, (N, 1, H, W) in [0, 100].
        ab: a*, b*, (N, 2, H, W).
        clip: limit each component to [0, 1]; colors outside sRGB's gamut change hue a little.

    Returns:
        (N, 3, H, W) float32, encoded sRGB.
    """
    fy = (lightness.float() + 16) / 116
    fx = fy + ab[:, 0:1].float() / 500
    fz = fy - ab[:, 1:2].float() / 200
    xyz = _lab_curve_inverse(torch.cat([fx, fy, fz], dim=1)) * _white(lightness)
    rgb = linear_to_srgb(_mix(XYZ_TO_RGB, xyz))
    return rgb.clamp(0, 1) if clip else rgb


def _lab_curve(ratio: Tensor) -> Tensor:
    """CIE 15's f(t): a cube root with a linear foot. ratio is relative to white."""
    # Clamped for the same reason as in linear_to_srgb.
    return torch.where(
        ratio > EPSILON, ratio.clamp(min=EPSILON) ** (1 / 3), (KAPPA * ratio + 16) / 116
    )


def _lab_curve_inverse(f: Tensor) -> Tensor:
    """Inverse of `_lab_curve`; its foot ends at f = 6/29."""
    return torch.where(f > 6 / 29, f**3, (116 * f - 16) / KAPPA)


def _mix(matrix: tuple[tuple[float, ...], ...], planes: Tensor) -> Tensor:
    """Multiply each pixel of (N, 3, H, W) planes by a 3x3 matrix."""
    # Written out rather than as a matmul, which may round to TF32 on a GPU, and may order its
    # sums by batch size or by thread count.
    r, g, b = planes.chunk(3, dim=1)
    return torch.cat([m[0] * r + m[1] * g + m[2] * b for m in matrix], dim=1)


def _white(like: Tensor) -> Tensor:
    return torch.tensor(WHITE, dtype=torch.float32, device=like.device).view(1, 3, 1, 1)
