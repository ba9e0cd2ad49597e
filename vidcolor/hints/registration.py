"""Registration of a reference image: its position for each pixel of another image, with confidence.

Two hypotheses are tried. Either both images show the same frame and differ only in scale, or their
features (SIFT: Lowe, "Distinctive image features from scale-invariant keypoints", IJCV 2004) agree
on a homography. Outliers are rejected by MAGSAC++ (Barath et al., CVPR 2020). Each hypothesis is
refined by dense optical flow (DIS: Kroeger et al., "Fast optical flow using dense inverse search",
ECCV 2016), and the one with the higher confidence is used. The confidence compares the luma of both
images after alignment: local correlation at any contrast, consistent flow, and matching detail in
the neighborhood.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vidcolor.imaging.resize import limit_short_side, resize_area
from vidcolor.imaging.smoothstep import smoothstep
from vidcolor.motion.flow import DisFlow, pixel_grid, sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from vidcolor.imaging.types import FloatArray, Uint8Array

    Homography = NDArray[np.float64]
    """(3, 3) matrix from homogeneous image coordinates to those of the reference."""

SHORT_SIDE = 400
"""Maximum short side of the copies that are compared, in pixels."""
MAX_ASPECT_DIFFERENCE = 0.02
"""Maximum relative difference between the aspect ratios of two images for the hypothesis that they
show the same frame."""
MIN_MATCHES = 16
"""Minimum number of matching features, and of inliers of a homography. With fewer, there is no
homography. Unrelated images sometimes have 10."""
MAX_FLOW = 0.05
"""Length of the refining flow, as a fraction of the short side, at which the confidence is 0.
Longer flow is assumed to be an error."""
_MATCH_RATIO = 0.75
"""Maximum ratio between the descriptor distances of the best and the second-best match (Lowe's
ratio test). Matches with a higher ratio are ambiguous and are dropped."""
_INLIER_DISTANCE = 3.0
"""Maximum reprojection error of an inlier, in pixels of the downscaled reference."""
_SAME_FRAME_MATCH = 0.9
"""Mean confidence, 0-1, above which flow is not estimated, because it would only add noise."""
_DETAIL = 0.03
"""Local standard deviation of Y', in [0, 1], above which a pixel counts as detail that
distinguishes images."""
_NOISE = 0.012
"""Standard deviation of Y', in [0, 1], that is attributed to noise and does not count as
contrast."""
_MAX_LIGHT_DIFFERENCE = 0.15
"""Difference of local mean Y', in [0, 1], from which two pixels do not match. It is measured after
the light of the reference is adjusted."""
_FLOW_ERROR_LIMITS = (1.0, 3.0)
"""Forward-backward error of the refining flow, in pixels. The confidence is not reduced up to the
first limit, and 0 from the second."""
_CORRELATION_LIMITS = (0.45, 0.8)
"""Local correlation of both lumas. Pixels do not match up to the first limit, and match fully from
the second."""
_BALANCE_LIMITS = (0.15, 0.4)
"""Ratio between the geometric and the arithmetic mean of both local variances, 0-1. Pixels do not
match up to the first limit, and match fully from the second."""
_SUPPORT_LIMITS = (0.3, 0.6)
"""Mean match of the detail in the neighborhood, 0-1. Pixels do not match up to the first limit, and
the neighborhood does not reduce their match from the second."""
_OVERALL_LIMITS = (0.15, 0.35)
"""Mean match of all detail, 0-1. Nothing matches up to the first limit, and the result is not
reduced from the second."""


class Registration(NamedTuple):
    """The positions of an image's pixels in a reference, on a grid that covers the image."""

    coords: FloatArray
    """x, y in reference pixels, with pixel centers at whole numbers: (h, w, 2) float32."""
    confidence: FloatArray
    """(h, w) float32 in [0, 1]; 0 where the reference shows something else."""


def register(image: FloatArray, reference: FloatArray) -> Registration:
    """Align a reference with an image.

    Both are Y' as displayed: (H, W) float32 in [0, 1], of any size. The grid of the registration
    has a short side of at most `SHORT_SIDE`.
    """
    small, other = downscale(image), downscale(reference)
    best: Registration | None = None
    for homography in _find_homographies(small, other):
        candidate = _refine(small, other, homography)
        if best is None or candidate.confidence.mean() > best.confidence.mean():
            best = candidate
    if best is None:
        return Registration(np.zeros((*small.shape, 2), np.float32), np.zeros_like(small))
    scale = np.divide(reference.shape[::-1], other.shape[::-1])
    coords = (best.coords + 0.5) * scale - 0.5
    return Registration(coords.astype(np.float32), best.confidence)


def downscale(image: NDArray[Any]) -> FloatArray:
    """Downscale an image to a short side of at most `SHORT_SIDE`, by averaging.

    (H, W) or (H, W, C) of any dtype becomes (h, w) or (h, w, C) float32 with the same range.
    """
    return np.asarray(resize_area(image, limit_short_side(image.shape, SHORT_SIDE)), np.float32)


def _find_homographies(image: FloatArray, reference: FloatArray) -> Iterator[Homography]:
    """Yield candidate homographies from image pixels to reference pixels."""
    (height, width), (rows, columns) = image.shape, reference.shape
    if abs(width * rows / (height * columns) - 1) < MAX_ASPECT_DIFFERENCE:
        x, y = columns / width, rows / height
        # Pixel centers are at whole numbers, so a scale factor also moves the first center.
        yield np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1]])
    found = _match_features(_to_8_bits(image), _to_8_bits(reference))
    if found is not None:
        yield found


def _match_features(image: Uint8Array, reference: Uint8Array) -> Homography | None:
    """Return the homography that the SIFT features of both images agree on, or None."""
    import cv2

    sift = cv2.SIFT_create(nfeatures=2000)  # type: ignore[attr-defined]
    keypoints, descriptors = sift.detectAndCompute(image, None)
    ref_keypoints, ref_descriptors = sift.detectAndCompute(reference, None)
    if min(len(keypoints), len(ref_keypoints)) < MIN_MATCHES:
        return None
    pairs = cv2.BFMatcher().knnMatch(descriptors, ref_descriptors, k=2)
    matches = [p[0] for p in pairs if len(p) == 2 and p[0].distance < _MATCH_RATIO * p[1].distance]
    if len(matches) < MIN_MATCHES:
        return None
    points = np.array([keypoints[m.queryIdx].pt for m in matches], np.float32)
    ref_points = np.array([ref_keypoints[m.trainIdx].pt for m in matches], np.float32)
    found, inliers = cv2.findHomography(
        points, ref_points, cv2.USAC_MAGSAC, _INLIER_DISTANCE, None, 5000, 0.999
    )
    if found is None or int(inliers.sum()) < MIN_MATCHES:
        return None
    homography: Homography = np.asarray(found, np.float64)
    return homography if _is_plausible(homography, image.shape) else None


def _is_plausible(homography: Homography, shape: tuple[int, ...]) -> bool:
    """Whether the image border maps to a convex quadrilateral of similar area, not mirrored."""
    height, width = shape
    corners = np.array([[0, 0, 1], [width, 0, 1], [width, height, 1], [0, height, 1]], float)
    moved = corners @ homography.T
    if (moved[:, 2] <= 0.1).any():
        return False
    points = moved[:, :2] / moved[:, 2:]
    # The cross product of two neighboring sides is twice the area of their triangle. All are
    # positive if the quadrilateral is convex and not mirrored.
    sides = np.roll(points, -1, axis=0) - points
    following = np.roll(sides, -1, axis=0)
    turns = sides[:, 0] * following[:, 1] - sides[:, 1] * following[:, 0]
    return bool((turns > 0.01 * height * width).all() and (turns < 100 * height * width).all())


def _refine(image: FloatArray, reference: FloatArray, homography: Homography) -> Registration:
    """Refine a homography by optical flow if that improves the confidence."""
    grid = pixel_grid(image.shape)
    projected = np.concatenate([grid, np.ones_like(grid[..., :1])], axis=-1) @ homography.T
    coords = (projected[..., :2] / np.maximum(projected[..., 2:], 1e-6)).astype(np.float32)
    warped = sample(reference, coords)
    confidence = _measure_match(image, warped, _inside_mask(coords, reference.shape))
    unrefined = Registration(coords, confidence)
    if confidence.mean() > _SAME_FRAME_MATCH:
        return unrefined
    estimate, source, target = DisFlow(preset=True), _to_8_bits(image), _to_8_bits(warped)
    forward, backward = estimate(source, target), estimate(target, source)
    error = np.hypot(*np.moveaxis(forward + sample(backward, grid + forward), -1, 0))
    max_length = MAX_FLOW * min(image.shape)
    length = np.hypot(*np.moveaxis(forward, -1, 0))
    allowed = (1 - smoothstep(error, *_FLOW_ERROR_LIMITS)) * (
        1 - smoothstep(length, max_length / 2, max_length)
    )
    coords = sample(coords, grid + forward)
    allowed = _inside_mask(coords, reference.shape) * allowed
    confidence = _measure_match(image, sample(reference, coords), allowed)
    refined = Registration(coords, confidence)
    return refined if confidence.mean() > unrefined.confidence.mean() else unrefined


def _measure_match(image: FloatArray, warped: FloatArray, allowed: FloatArray) -> FloatArray:
    """Return the confidence that both images show the same object at each pixel."""
    x, y = _blur(image), _blur(warped)
    variance_x = np.maximum(_blur(image * image) - x * x, 0)
    variance_y = np.maximum(_blur(warped * warped) - y * y, 0)
    covariance = _blur(image * warped) - x * y
    noise = np.float32(_NOISE**2)
    correlation = (covariance + noise) / (np.sqrt(variance_x * variance_y) + noise)
    # Detail in only one image is not a match, although noise in the other image can correlate.
    balance = (2 * np.sqrt(variance_x * variance_y) + 4 * noise) / (
        variance_x + variance_y + 4 * noise
    )
    match = (
        smoothstep(correlation, *_CORRELATION_LIMITS)
        * smoothstep(balance, *_BALANCE_LIMITS)
        * allowed
    )
    difference = np.abs(x - _adjust_light(y, x, match))
    match *= 1 - smoothstep(difference, _MAX_LIGHT_DIFFERENCE / 2, _MAX_LIGHT_DIFFERENCE)
    # A blank area resembles any other blank area, so it takes the match of the detail around it.
    detail = (np.maximum(variance_x, variance_y) > _DETAIL**2).astype(np.float32)
    sigma = min(image.shape) / 12
    support = (_blur(match * detail, sigma) + 1e-3 * match) / (_blur(detail, sigma) + 1e-3)
    overall = float((match * detail).sum() / max(detail.sum(), 1))
    match *= smoothstep(support, *_SUPPORT_LIMITS) * smoothstep(
        np.float32(overall), *_OVERALL_LIMITS
    )
    return _blur(match, 1.5)


def _blur(image: FloatArray, sigma: float = 3.5) -> FloatArray:
    """Return the local mean: a Gaussian blur with `sigma` in pixels."""
    import cv2

    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32).reshape(image.shape)


def _adjust_light(luma: FloatArray, target: FloatArray, weight: FloatArray) -> FloatArray:
    """Fit luma to a target with a gain and an offset, by weighted least squares."""
    w = weight / max(float(weight.sum()), 1e-6)
    mean, target_mean = float((w * luma).sum()), float((w * target).sum())
    variance = float((w * (luma - mean) ** 2).sum())
    covariance = float((w * (luma - mean) * (target - target_mean)).sum())
    gain = covariance / max(variance, 1e-4)
    return np.asarray(target_mean + np.clip(gain, 0.3, 3) * (luma - mean), np.float32)


def _inside_mask(coords: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Return 1 where coordinates lie inside an image, else 0: (h, w) float32."""
    x, y = coords[..., 0], coords[..., 1]
    inside = (x > -0.6) & (y > -0.6) & (x < shape[1] - 0.4) & (y < shape[0] - 0.4)
    return inside.astype(np.float32)


def _to_8_bits(luma: FloatArray) -> Uint8Array:
    """Convert Y' in [0, 1] to the 8-bit codes that OpenCV's SIFT and DIS require."""
    return np.rint(luma * 255).astype(np.uint8)
