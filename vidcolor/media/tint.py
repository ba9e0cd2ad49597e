"""Whether a source is grey, tinted in one colour, or in colour already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import av
import numpy as np

from vidcolor.media.planes import chroma_arrays, pixel_layout, rgb_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

TINT_SAMPLES = 5

Tint = Literal["grey", "tinted", "colour"]


def measure_tint(
    container: av.container.InputContainer, stream: av.VideoStream, first: av.VideoFrame
) -> Tint:
    """Grey, one tint over everything (sepia, toning), or colour, from frames over the film."""
    frames = [first]
    duration, start = stream.duration, stream.start_time or 0
    if duration and stream.frames != 1:
        for k in range(1, TINT_SAMPLES):
            frame = _frame_near(container, stream, start + duration * k // TINT_SAMPLES)
            if frame is not None:
                frames.append(frame)
    chroma = [c for c in map(_small_chroma, frames) if c is not None]
    return classify_tint(np.concatenate(chroma) if chroma else np.zeros((1, 2)))


def _frame_near(
    container: av.container.InputContainer, stream: av.VideoStream, pts: int
) -> av.VideoFrame | None:
    """A frame at the key frame before `pts`; None where the film cannot be searched."""
    try:
        container.seek(pts, stream=stream, backward=True)
        return next(container.decode(stream), None)
    except (av.FFmpegError, StopIteration, ValueError):
        return None


def _small_chroma(frame: av.VideoFrame) -> NDArray[np.float32] | None:
    """Cb, Cr of a coarse copy, (n, 2), or None for grey formats."""
    import cv2

    layout = pixel_layout(frame.format.name)
    if layout.kind == "grey":
        return None
    size = (64, 64)
    if layout.kind == "rgb":
        rgb, bits = rgb_array(frame)
        small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA) / ((1 << bits) - 1)
        luma = small @ np.array([0.2126, 0.7152, 0.0722])
        chroma = np.stack([small[..., 2] - luma, small[..., 0] - luma], -1) / 1.7
    else:
        cb, cr = chroma_arrays(frame, layout, full_range=layout.full_range)
        chroma = np.stack([cv2.resize(c, size, interpolation=cv2.INTER_AREA) for c in (cb, cr)], -1)
    return chroma.reshape(-1, 2).astype(np.float32)


def classify_tint(chroma: NDArray[Any]) -> Tint:
    """Judge a picture by its chroma.

    Grey: 95 % of the picture has a chroma below 0.02 (about 5 of 255 codes). Tinted: at least half
    of it is above that, and all of it lies on one ray from neutral (one hue). Colour: the rest.

    Args:
        chroma: Cb, Cr of sampled places, (n, 2) in [-0.5, 0.5].
    """
    small = 0.02
    size = np.hypot(chroma[:, 0], chroma[:, 1])
    if np.percentile(size, 95) < small:
        return "grey"
    _, _, axes = np.linalg.svd(chroma, full_matrices=False)
    along, across = chroma @ axes[0], chroma @ axes[1]
    one_sided = max(np.mean(along > -small), np.mean(along < small)) > 0.95
    one_hue = np.percentile(np.abs(across), 95) < 1.5 * small and one_sided
    if one_hue and np.median(size) > small:
        return "tinted"
    return "colour"
