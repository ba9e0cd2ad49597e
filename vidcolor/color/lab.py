"""Conversion between sRGB and CIELAB, for NumPy arrays and for torch tensors.

The sRGB primaries are those of IEC 61966-2-1:1999. CIELAB follows CIE 15:2018, with the exact
constants 216/24389 and 24389/27 instead of their rounded forms, so that the two branches of each
curve meet. The white point is D65 for the 2° observer, as in sRGB, without chromatic adaptation.
All functions process each pixel independently.

The array versions (``_array``) serve the rendering path, which must not import torch. They use
`numpy.cbrt` and matrices with the white point folded in, so they differ from the tensor versions in
the last bits. Results depend on those bits, so the two are not derived from each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vidcolor.color.srgb import (
    ENCODING_THRESHOLD,
    GAMMA,
    OFFSET,
    SCALE,
    SLOPE,
    linear_to_srgb,
    linear_to_srgb_array,
    srgb_to_linear,
    srgb_to_linear_array,
)

if TYPE_CHECKING:
    from torch import Tensor

    from vidcolor.imaging.types import FloatArray

RGB_TO_XYZ = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)
"""Linear sRGB to CIE XYZ. With seven digits the rows sum to the white point: gray stays gray."""
XYZ_TO_RGB = (
    (3.2404542, -1.5371385, -0.4985314),
    (-0.9692660, 1.8760108, 0.0415560),
    (0.0556434, -0.2040259, 1.0572252),
)
"""CIE XYZ to linear sRGB: the inverse of `RGB_TO_XYZ`."""
WHITE = (0.95047, 1.0, 1.08883)
"""D65 in XYZ."""

EPSILON = 216 / 24389
"""Relative luminance below which L* is linear in luminance, about 0.9 % (CIE 15, 8.2.1)."""
KAPPA = 24389 / 27
"""Slope of the linear part of L*: L* = KAPPA * Y."""

_DELTA = 6 / 29
"""Cube root of `EPSILON`, where the two branches of the Lab curve meet."""

_NORMALIZED_XYZ_TO_RGB = np.array(XYZ_TO_RGB) @ np.diag(WHITE)
_RGB_TO_NORMALIZED_XYZ = np.linalg.inv(_NORMALIZED_XYZ_TO_RGB).astype(np.float32)
_NORMALIZED_XYZ_TO_RGB = _NORMALIZED_XYZ_TO_RGB.astype(np.float32)


def gray_to_lightness(gray: Tensor) -> Tensor:
    """Compute L* in [0, 100] of sRGB-encoded gray in [0, 1]: float32 of the same shape."""
    return 116 * _lab_curve(srgb_to_linear(gray)) - 16


def lightness_to_gray(lightness: Tensor) -> Tensor:
    """Invert `gray_to_lightness`."""
    return linear_to_srgb(_inverse_lab_curve((lightness.float() + 16) / 116))


def rgb_to_lab(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """Convert sRGB, (N, 3, H, W) in [0, 1], to L*, (N, 1, H, W), and a*, b*, (N, 2, H, W) float32.

    L* is in [0, 100], and a*, b* are about -110 to 110.
    """
    import torch

    xyz = _multiply(RGB_TO_XYZ, srgb_to_linear(rgb)) / _white(rgb)
    fx, fy, fz = _lab_curve(xyz).chunk(3, dim=1)
    return 116 * fy - 16, torch.cat([500 * (fx - fy), 200 * (fy - fz)], dim=1)


def lab_to_rgb(lightness: Tensor, ab: Tensor, clip: bool = True) -> Tensor:
    """Convert L*, (N, 1, H, W), and a*, b*, (N, 2, H, W), to sRGB, (N, 3, H, W) float32.

    `clip` limits each component to [0, 1], which changes the hue of colors outside the gamut.
    """
    import torch

    fy = (lightness.float() + 16) / 116
    fx = fy + ab[:, 0:1].float() / 500
    fz = fy - ab[:, 1:2].float() / 200
    xyz = _inverse_lab_curve(torch.cat([fx, fy, fz], dim=1)) * _white(lightness)
    rgb = linear_to_srgb(_multiply(XYZ_TO_RGB, xyz))
    return rgb.clamp(0, 1) if clip else rgb


def gray_to_lightness_array(gray: FloatArray) -> FloatArray:
    """Compute L* in [0, 100] of sRGB-encoded gray in [0, 1], float32 of any shape."""
    lightness: FloatArray = 116 * _lab_curve_array(srgb_to_linear_array(gray)) - 16
    return lightness


def rgb_to_lab_array(rgb: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Convert sRGB, (3, ...) float32 in [0, 1], to L*, (...), and a*, b*, (2, ...) float32."""
    xyz = np.tensordot(_RGB_TO_NORMALIZED_XYZ, srgb_to_linear_array(rgb), axes=1)
    fx, fy, fz = _lab_curve_array(xyz)
    ab = np.stack([500 * (fx - fy), 200 * (fy - fz)]).astype(np.float32)
    return (116 * fy - 16).astype(np.float32), ab


def lab_to_rgb_array(lightness: FloatArray, a: FloatArray, b: FloatArray) -> FloatArray:
    """Convert L*, a*, b*, float32 of one shape, to sRGB, (3, ...) float32, without clipping.

    The transfer function is odd: a negative component is encoded as its absolute value and keeps
    its sign.
    """
    fy = (lightness + 16) / 116
    f = np.stack([fy + a / 500, fy, fy - b / 200])
    xyz = np.where(f > _DELTA, f**3, 3 * _DELTA**2 * (f - 4 / 29))
    linear = np.tensordot(_NORMALIZED_XYZ_TO_RGB, xyz, axes=1)
    rgb: FloatArray = np.copysign(linear_to_srgb_array(np.abs(linear)), linear)
    return rgb


def lab_to_rgb_with_slope(
    lightness: FloatArray, a: FloatArray, b: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Convert L*, a*, b*, (N,) float32 each, like `lab_to_rgb_array`, and differentiate by L*.

    Returns:
        sRGB, and its derivative: (3, N) float32 each.
    """
    f = np.empty((3, len(lightness)), np.float32)
    np.divide(lightness + np.float32(16), np.float32(116), out=f[1])
    np.add(f[1], a / np.float32(500), out=f[0])
    np.subtract(f[1], b / np.float32(200), out=f[2])
    # Both curves continue with their linear parts below a threshold. `maximum` and `minimum` select
    # them faster than masks do.
    delta = np.float32(_DELTA)
    curved = np.maximum(f, delta)
    slopes = curved * curved  # a third of the derivative of xyz by f
    xyz = slopes * curved
    f -= curved
    f *= 3 * delta**2
    xyz += f
    linear = _NORMALIZED_XYZ_TO_RGB @ xyz
    magnitude = np.abs(linear, out=xyz)
    curved = np.maximum(magnitude, np.float32(ENCODING_THRESHOLD), out=curved)
    magnitude -= curved
    power = curved ** np.float32(1 / GAMMA)
    power *= np.float32(SCALE)
    rgb = magnitude * np.float32(SLOPE)
    rgb += power
    rgb -= np.float32(OFFSET)
    np.copysign(rgb, linear, out=rgb)
    power /= curved  # the derivative of the sRGB curve, apart from the factor 1 / GAMMA
    power *= _NORMALIZED_XYZ_TO_RGB @ slopes
    power *= np.float32(3 / 116 / GAMMA)
    return rgb, power


def _lab_curve(ratio: Tensor) -> Tensor:
    """Compute f(t) of CIE 15: a cube root with a linear part. t is relative to the white point."""
    import torch

    # The clamp keeps the gradient finite, as in linear_to_srgb.
    return torch.where(
        ratio > EPSILON, ratio.clamp(min=EPSILON) ** (1 / 3), (KAPPA * ratio + 16) / 116
    )


def _inverse_lab_curve(f: Tensor) -> Tensor:
    import torch

    return torch.where(f > 6 / 29, f**3, (116 * f - 16) / KAPPA)


def _lab_curve_array(ratio: FloatArray) -> FloatArray:
    curve: FloatArray = np.where(
        ratio > _DELTA**3, np.cbrt(ratio), ratio / (3 * _DELTA**2) + 4 / 29
    )
    return curve


def _multiply(matrix: tuple[tuple[float, ...], ...], planes: Tensor) -> Tensor:
    """Multiply each pixel of (N, 3, H, W) planes by a 3x3 matrix."""
    import torch

    # A matmul may round to TF32 on a GPU, and the order of its sums may depend on batch size and
    # thread count. Results must not depend on either.
    r, g, b = planes.chunk(3, dim=1)
    return torch.cat([m[0] * r + m[1] * g + m[2] * b for m in matrix], dim=1)


def _white(like: Tensor) -> Tensor:
    """Return `WHITE` as (1, 3, 1, 1) float32 on the device of a tensor."""
    import torch

    return torch.tensor(WHITE, dtype=torch.float32, device=like.device).view(1, 3, 1, 1)
