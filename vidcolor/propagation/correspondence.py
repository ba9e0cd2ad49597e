"""Correspondence between a part of a frame and another frame of its shot, any time before.

A translation is found by normalized cross-correlation (Lewis, "Fast normalized cross-correlation",
Vision Interface 1995) and refined by optical flow. Both compare luma after local contrast
normalization, so that the exposure may differ. Only texture can be compared this way. Parts without
texture are accepted where the textured parts around them agree on one rigid motion, and luma
agrees too. Most parts of a film correspond to nothing, so each check must be able to reject.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vidcolor.imaging.resize import resize_area
from vidcolor.imaging.smoothstep import smoothstep
from vidcolor.motion.flow import estimate_flow, pixel_grid, sample
from vidcolor.motion.flow_chain import FlowChain, photometric_check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vidcolor.imaging.types import FloatArray, Mask, Uint8Array
    from vidcolor.motion.flow import FlowEstimator, FlowInput

MIN_CORRELATION = 0.6
"""Minimum score of a translation: the normalized cross-correlation times the square root of the
share of the part that is inside the target."""
MIN_OVERLAP = 0.4
"""Minimum share of the part that is inside the target after a translation."""
MIN_ENERGY = 0.02
"""Minimum mean square of the normalized luma of a part in its correlation. The score of a part with
less, which has hardly any texture, is lower."""
CORRELATION_WINDOW = 17
"""Side of the window of the local correlation, in pixels of the flow grid."""
CORRELATION_LIMITS = (0.6, 0.85)
"""Local correlations up to which a pixel does not correspond, and from which it does."""
CORRELATION_FLOOR = 0.08
"""Mean square of normalized luma that is added in the denominator of the local correlation, so that
windows without texture are not correlated."""
LUMA_LIMITS = (0.08, 0.2)
"""Differences of Y' in [0, 1] after the correction of exposure. The confidence is kept up to the
first and is 0 from the second."""
FLAT_LUMA_LIMITS = (0.04, 0.1)
"""As `LUMA_LIMITS`, for pixels without texture."""
LUMA_WINDOW = 7
"""Side of the window for the mean of the differences of Y', in pixels of the flow grid."""
MAX_GAIN = 2.0
"""Maximum gain of exposure between the two frames, and the inverse of the minimum."""
FLAT_LIMITS = (0.05, 0.15)
"""Mean squares of normalized luma in a window up to which it has no texture, and from which it
has."""
RIGID_DISTANCE = 1.5
"""Maximum distance, in pixels of the flow grid, of a pixel from where the rigid motion maps it."""
RIGID_SEARCH_DISTANCE = 4.0
"""As `RIGID_DISTANCE`, for the pixels from which the motion is first estimated."""
MIN_RIGID_SHARE = 0.7
"""Minimum share of the corresponding pixels that follow the rigid motion."""
MAX_SCALE_CHANGE = 0.3
"""Maximum difference of the scale of the rigid motion from 1."""
MIN_TEXTURE_SHARE = 0.4
"""Minimum share of the texture of the part that corresponds, for pixels without texture to follow
the rigid motion."""
MIN_CONFIDENT_PIXELS = 30
"""Minimum number of confident pixels, from which exposure and motion are estimated."""
MIN_MATCHED_SHARE = 0.25
"""Minimum mean confidence of the part."""


class Translation(NamedTuple):
    """Where a part of a frame is in one of several other frames."""

    target: int
    """Index of the other frame."""
    offset: tuple[int, int]
    """Vector from a pixel of the part to its position in the target: x, y in pixels."""


def find_translation(
    source: FlowInput, part: Mask, targets: Sequence[FlowInput]
) -> Translation | None:
    """Find the target that a part of the source resembles most, and the translation to it.

    `part` selects at least one pixel of the source, (h, w). All frames have the same flow grid. The
    first of equal targets is returned; None if the part resembles none of them.
    """
    import cv2

    half = part.shape[0] // 2, part.shape[1] // 2
    padded = tuple(cv2.getOptimalDFTSize(2 * side) for side in half)

    def transform(images: FloatArray) -> NDArray[np.complexfloating]:
        return np.fft.rfft2(images, padded)

    def correlate(image: FloatArray, others: NDArray[np.complexfloating]) -> NDArray[np.floating]:
        return np.fft.irfft2(np.conj(transform(image)) * others, padded)

    mask = resize_area(part.astype(np.float32), half)
    masked = resize_area(source.normalized, half) * mask
    others = np.stack([resize_area(target.normalized, half) for target in targets])
    inside = transform(np.ones(half, np.float32))
    size = float(mask.sum())
    overlap = correlate(mask, inside) / size
    energy = np.maximum(correlate(masked * masked, inside), MIN_ENERGY * size)
    other_energy = np.maximum(correlate(mask, transform(others * others)), MIN_ENERGY * size)
    score = correlate(masked, transform(others)) / np.sqrt(energy * other_energy)
    score *= np.sqrt(np.clip(overlap, 0, 1))
    score[:, overlap < MIN_OVERLAP] = 0
    # Rounding makes the choice between equal targets independent of the last bits.
    score = score.round(3)
    index, *peak = (int(n) for n in np.unravel_index(int(score.argmax()), score.shape))
    if score[index, peak[0], peak[1]] < MIN_CORRELATION:
        return None
    # Negative translations are in the second half of the correlation.
    y, x = (n - side if n > side // 2 else n for n, side in zip(peak, padded, strict=True))
    scale_y, scale_x = (whole / side for whole, side in zip(part.shape, half, strict=True))
    return Translation(index, (round(x * scale_x), round(y * scale_y)))


def match_frame(
    source: FlowInput,
    part: Mask,
    target: FlowInput,
    offset: tuple[int, int],
    estimator: FlowEstimator,
) -> FlowChain | None:
    """Return the coordinates of the source in the target, with confidence.

    The exposure and the rigid motion are those of the part, but all pixels are matched. None if
    most of the part does not correspond. See `Translation.offset`.
    """
    moved = replace(target, codes=_translate(target.codes, offset))
    flow = estimate_flow(moved, source, estimator)
    coords = pixel_grid(part.shape) + flow.backward + np.array(offset, np.float32)
    texture = _compare_texture(coords, source, target)
    confidence = flow.backward_confidence * texture.agreement
    chain = photometric_check(FlowChain(coords, confidence), source.normalized, target.normalized)
    is_confident = (chain.confidence > 0.5) & part
    if int(is_confident.sum()) < MIN_CONFIDENT_PIXELS:
        return None
    difference = _measure_luma_difference(chain.coords, source, target, is_confident)
    chain = FlowChain(coords, chain.confidence * (1 - smoothstep(difference, *LUMA_LIMITS)))
    chain = _extend_to_flat_pixels(chain, source, part, target, is_confident)
    if float(chain.confidence[part].mean()) < MIN_MATCHED_SHARE:
        return None
    return chain


def _translate(codes: Uint8Array, offset: tuple[int, int]) -> Uint8Array:
    """Return `FlowInput.codes` sampled at each pixel plus an offset; the local mean outside."""
    moved = np.full_like(codes, 128)
    (height, width), (x, y) = codes.shape, offset
    to_rows, from_rows = slice(max(0, -y), height - y), slice(max(0, y), height + y)
    to_columns, from_columns = slice(max(0, -x), width - x), slice(max(0, x), width + x)
    moved[to_rows, to_columns] = codes[from_rows, from_columns]
    return moved


class _Texture(NamedTuple):
    """A comparison of the windows around corresponding pixels."""

    agreement: FloatArray
    """How well they are correlated, see `CORRELATION_LIMITS`: (h, w) in [0, 1]; 0 outside."""
    energy: FloatArray
    """Mean square of normalized luma in the window with more texture: (h, w) float32."""


def _compare_texture(coords: FloatArray, source: FlowInput, target: FlowInput) -> _Texture:
    import cv2

    inside = _find_inside(coords).astype(np.float32)
    here, there = source.normalized * inside, sample(target.normalized, coords) * inside
    products = np.dstack([here * there, here * here, there * there])
    means = np.asarray(cv2.blur(products, (CORRELATION_WINDOW, CORRELATION_WINDOW)), np.float32)
    product, energy, other_energy = np.maximum(means, 0).transpose(2, 0, 1)
    correlation = product / (np.sqrt(energy * other_energy) + np.float32(CORRELATION_FLOOR))
    agreement = inside * smoothstep(correlation, *CORRELATION_LIMITS)
    return _Texture(agreement, np.maximum(energy, other_energy))


def _find_inside(coords: FloatArray) -> Mask:
    """Return which coordinates are inside a frame of the same grid: (h, w) bool."""
    (height, width), x, y = coords.shape[:2], coords[..., 0], coords[..., 1]
    inside: Mask = (x > -0.5) & (y > -0.5) & (x < width - 0.5) & (y < height - 0.5)
    return inside


def _measure_luma_difference(
    coords: FloatArray, source: FlowInput, target: FlowInput, is_confident: Mask
) -> FloatArray:
    """Return the mean difference of Y' around each pixel, after correction of exposure: (h, w).

    The exposure is a gain and an offset, estimated from confident pixels.
    """
    import cv2

    there = sample(target.luma, coords)
    spread = float(source.luma[is_confident].std()), float(there[is_confident].std())
    gain = np.float32(np.clip(spread[0] / max(spread[1], 1e-3), 1 / MAX_GAIN, MAX_GAIN))
    difference = source.luma - gain * there
    difference = np.abs(difference - np.median(difference[is_confident]))
    return np.asarray(cv2.blur(difference, (LUMA_WINDOW, LUMA_WINDOW)), np.float32)


def _extend_to_flat_pixels(
    chain: FlowChain, source: FlowInput, part: Mask, target: FlowInput, is_confident: Mask
) -> FlowChain:
    """Let pixels without texture follow the rigid motion of the others, if there is one."""
    coords = _fit_rigid_motion(chain.coords, is_confident)
    if coords is None:
        return chain
    possible = _find_inside(coords)
    weights = np.square(source.normalized) * (possible & part)
    if float((chain.confidence * weights).sum()) < MIN_TEXTURE_SHARE * float(weights.sum()):
        return chain
    texture = _compare_texture(coords, source, target)
    difference = _measure_luma_difference(coords, source, target, is_confident)
    flat = 1 - smoothstep(texture.energy, *FLAT_LIMITS)
    confidence = (1 - smoothstep(difference, *FLAT_LUMA_LIMITS)) * possible
    confidence *= np.maximum(flat, texture.agreement)
    rigid = FlowChain(coords, confidence)
    rigid = photometric_check(rigid, source.normalized, target.normalized)
    is_better = rigid.confidence > chain.confidence
    return FlowChain(
        np.where(is_better[..., None], rigid.coords, chain.coords),
        np.maximum(rigid.confidence, chain.confidence),
    )


def _fit_rigid_motion(coords: FloatArray, is_confident: Mask) -> FloatArray | None:
    """Fit a similarity transform to confident pixels; return the coordinates of all pixels.

    (h, w, 2) float32 pixels; None if the pixels do not follow one transform.
    """
    grid = pixel_grid(coords.shape).astype(np.float64)
    points, mapped = grid[is_confident], coords[is_confident].astype(np.float64)
    motion = mapped - points
    kept = np.hypot(*(motion - np.median(motion, axis=0)).T) < RIGID_SEARCH_DISTANCE
    for _ in range(2):
        if int(kept.sum()) < MIN_CONFIDENT_PIXELS:
            return None
        center, mapped_center = points[kept].mean(0), mapped[kept].mean(0)
        (x, y), (u, v) = (points[kept] - center).T, (mapped[kept] - mapped_center).T
        spread = (x * x + y * y).sum()
        cos, sin = (x * u + y * v).sum() / spread, (x * v - y * u).sum() / spread
        matrix = np.array([[cos, sin], [-sin, cos]])
        fitted = np.einsum("ni,ij->nj", points - center, matrix) + mapped_center
        kept = np.hypot(*(mapped - fitted).T) < RIGID_DISTANCE
    if float(kept.mean()) < MIN_RIGID_SHARE or abs(np.hypot(cos, sin) - 1) > MAX_SCALE_CHANGE:
        return None
    fitted = np.einsum("hwi,ij->hwj", grid - center, matrix) + mapped_center
    return np.asarray(fitted, np.float32)
