"""Laying a reference picture over the one to be colored: where each pixel lies, and how surely.

Two guesses are tried: that both show the same frame (only scaled), and that features of both
(SIFT: Lowe, "Distinctive image features from scale-invariant keypoints", IJCV 2004) agree on a
homography. The better is refined by dense flow (DIS: Kroeger et al., "Fast optical flow using dense
inverse search", ECCV 2016). Trust is what the two lumas say of each other afterwards: local
correlation whatever their contrast, flow that leads back, and matching detail near by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vidcolor.color.smoothstep import smoothstep
from vidcolor.motion.flow import DisFlow, pixel_grid, sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Array = NDArray[np.float32]
    Codes = NDArray[np.uint8]

SHORT_SIDE = 400
"""Of the copies that are compared, in pixels."""
SAME_ASPECT = 0.02
"""Relative difference of aspect below which two pictures may be the same frame."""
LEAST_MATCHES = 16
"""Features that must agree on a homography; unrelated pictures reach 10 now and then."""
LONGEST_FLOW = 0.05
"""Beyond this share of the short side, flow is contortion and no refinement."""
_DETAIL = 0.03
"""Standard deviation of Y' that counts as detail, by which pictures can be told apart."""
_NOISE = 0.012
_LIGHT = 0.15


class Registration(NamedTuple):
    """Where a picture's pixels lie in a reference, on a grid of the picture's shape."""

    places: Array
    """x, y in the reference, in its pixels (centers at whole numbers): (h, w, 2) float32."""
    trust: Array
    """(h, w) float32 in [0, 1]; 0 where the reference shows something else."""


def register(picture: Array, reference: Array) -> Registration:
    """Find what a reference shows of a picture.

    Args:
        picture: Y' as displayed, (H, W) float32 in [0, 1], of any size.
        reference: Y' of the colored picture, the same.

    Returns:
        On a grid with a short side of at most `SHORT_SIDE`.
    """
    small, other = shrunk(picture), shrunk(reference)
    best: Registration | None = None
    for homography in _guesses(small, other):
        found = _judge(small, other, homography)
        if best is None or found.trust.mean() > best.trust.mean():
            best = found
    if best is None:
        return Registration(np.zeros((*small.shape, 2), np.float32), np.zeros_like(small))
    scale = np.divide(reference.shape[::-1], other.shape[::-1])
    places = (best.places + 0.5) * scale - 0.5
    return Registration(places.astype(np.float32), best.trust)


def shrunk(image: NDArray[Any]) -> Array:
    """A copy with a short side of at most `SHORT_SIDE`: (H, W[, C]) -> (h, w[, C]) float32."""
    import cv2

    height, width = image.shape[:2]
    scale = min(1.0, SHORT_SIDE / min(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(np.ascontiguousarray(image), size, interpolation=cv2.INTER_AREA)
    return _image(small, (*size[::-1], *image.shape[2:]))


def _guesses(picture: Array, reference: Array) -> Iterator[NDArray[np.float64]]:
    """Homographies from the picture's pixels to the reference's."""
    (height, width), (rows, columns) = picture.shape, reference.shape
    if abs(width * rows / (height * columns) - 1) < SAME_ASPECT:
        x, y = columns / width, rows / height
        yield np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1]])
    found = _homography(_codes(picture), _codes(reference))
    if found is not None:
        yield found


def _homography(picture: Codes, reference: Codes) -> NDArray[np.float64] | None:
    """What the features of both agree on, or None."""
    import cv2

    sift = cv2.SIFT_create(nfeatures=2000)  # type: ignore[attr-defined]
    points, marks = sift.detectAndCompute(picture, None)
    others, other_marks = sift.detectAndCompute(reference, None)
    if min(len(points), len(others)) < LEAST_MATCHES:
        return None
    pairs = cv2.BFMatcher().knnMatch(marks, other_marks, k=2)
    good = [p[0] for p in pairs if len(p) == 2 and p[0].distance < 0.75 * p[1].distance]
    if len(good) < LEAST_MATCHES:
        return None
    here = np.array([points[m.queryIdx].pt for m in good], np.float32)
    there = np.array([others[m.trainIdx].pt for m in good], np.float32)
    found, inliers = cv2.findHomography(here, there, cv2.USAC_MAGSAC, 3.0, None, 5000, 0.999)
    if found is None or int(inliers.sum()) < LEAST_MATCHES:
        return None
    homography: NDArray[np.float64] = np.asarray(found, np.float64)
    return homography if _is_plausible(homography, picture.shape) else None


def _is_plausible(homography: NDArray[np.float64], shape: tuple[int, ...]) -> bool:
    """Whether the picture's frame stays a convex quadrangle, of a like size and not mirrored."""
    height, width = shape
    corners = np.array([[0, 0, 1], [width, 0, 1], [width, height, 1], [0, height, 1]], float)
    moved = corners @ homography.T
    if (moved[:, 2] <= 0.1).any():
        return False
    at = moved[:, :2] / moved[:, 2:]
    sides = np.roll(at, -1, axis=0) - at
    ahead = np.roll(sides, -1, axis=0)
    turns = sides[:, 0] * ahead[:, 1] - sides[:, 1] * ahead[:, 0]
    return bool((turns > 0.01 * height * width).all() and (turns < 100 * height * width).all())


def _judge(picture: Array, reference: Array, homography: NDArray[np.float64]) -> Registration:
    """Refine a guess by flow, and say where it can be believed."""
    own = pixel_grid(picture.shape)
    flat = np.concatenate([own, np.ones_like(own[..., :1])], axis=-1) @ homography.T
    places = (flat[..., :2] / np.maximum(flat[..., 2:], 1e-6)).astype(np.float32)
    plain = _trust(picture, sample(reference, places), _inside(places, reference.shape))
    if plain.mean() > 0.9:  # the same frame: flow could only add its noise
        return Registration(places, plain)
    laid = sample(reference, places)
    flow, here, there = DisFlow(preset=True), _codes(picture), _codes(laid)
    ahead, back = flow(here, there), flow(there, here)
    round_trip = np.hypot(*np.moveaxis(ahead + sample(back, own + ahead), -1, 0))
    longest = LONGEST_FLOW * min(picture.shape)
    length = np.hypot(*np.moveaxis(ahead, -1, 0))
    steady = (1 - smoothstep(round_trip, 1.0, 3.0)) * (1 - smoothstep(length, longest / 2, longest))
    refined = sample(places, own + ahead)
    trust = _trust(picture, sample(reference, refined), _inside(refined, reference.shape) * steady)
    return (
        Registration(refined, trust) if trust.mean() > plain.mean() else Registration(places, plain)
    )


def _trust(picture: Array, laid: Array, allowed: Array) -> Array:
    """How far two lumas show the same, everywhere: (h, w) in [0, 1]."""
    import cv2

    def mean(image: Array, sigma: float = 3.5) -> Array:
        return _image(cv2.GaussianBlur(image, (0, 0), sigma), image.shape)

    x, y = mean(picture), mean(laid)
    detail_x = np.maximum(mean(picture * picture) - x * x, 0)
    detail_y = np.maximum(mean(laid * laid) - y * y, 0)
    together = mean(picture * laid) - x * y
    noise = np.float32(_NOISE**2)
    alike = (together + noise) / (np.sqrt(detail_x * detail_y) + noise)
    # Detail in one of them alone is no match, however little the other has to correlate with.
    balance = (2 * np.sqrt(detail_x * detail_y) + 4 * noise) / (detail_x + detail_y + 4 * noise)
    match = smoothstep(alike, 0.45, 0.8) * smoothstep(balance, 0.15, 0.4) * allowed
    match *= 1 - smoothstep(np.abs(x - _relit(y, x, match)), _LIGHT / 2, _LIGHT)
    # A blank wall resembles any other: it is believed as far as the detail around it is.
    detailed = (np.maximum(detail_x, detail_y) > _DETAIL**2).astype(np.float32)
    wide = min(picture.shape) / 12
    support = (mean(match * detailed, wide) + 1e-3 * match) / (mean(detailed, wide) + 1e-3)
    overall = float((match * detailed).sum() / max(detailed.sum(), 1))
    match *= smoothstep(support, 0.3, 0.6) * smoothstep(np.float32(overall), 0.15, 0.35)
    return mean(match, 1.5)


def _relit(luma: Array, like: Array, weight: Array) -> Array:
    """Luma with the gain and offset that bring it nearest to another where both match."""
    w = weight / max(float(weight.sum()), 1e-6)
    mean, target = float((w * luma).sum()), float((w * like).sum())
    spread = float((w * (luma - mean) ** 2).sum())
    gain = float((w * (luma - mean) * (like - target)).sum()) / max(spread, 1e-4)
    return np.asarray(target + np.clip(gain, 0.3, 3) * (luma - mean), np.float32)


def _inside(places: Array, shape: tuple[int, ...]) -> Array:
    x, y = places[..., 0], places[..., 1]
    inside = (x > -0.6) & (y > -0.6) & (x < shape[1] - 0.4) & (y < shape[0] - 0.4)
    return inside.astype(np.float32)


def _codes(luma: Array) -> Codes:
    return np.rint(luma * 255).astype(np.uint8)


def _image(image: Any, shape: tuple[int, ...]) -> Array:
    return np.asarray(image, np.float32).reshape(shape)
