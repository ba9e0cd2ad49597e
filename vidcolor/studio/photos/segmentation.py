"""The segmentation model for one photo: its embedding is computed once, and masks are kept."""

from __future__ import annotations

from collections import OrderedDict
from copy import copy
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.concurrency import batched

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import ThreadPoolExecutor

    from vidcolor.imaging.types import FloatArray
    from vidcolor.segmentation.model import EmbeddedImage, SegmentationModel
    from vidcolor.segmentation.points import Points

MAX_MASKS = 128
"""Number of masks that are kept for each photo. A search for places needs about 81."""
_Key = tuple[tuple[tuple[float, float], ...], tuple[tuple[float, float], ...]]


class PhotoSegmentation:
    """Segments objects of one photo, with the methods of `SegmentationModel` that hints need.

    A new hint changes the clicks of all objects of other colors, so their masks are computed in
    parallel, one on each thread of the model.
    """

    def __init__(
        self, model: SegmentationModel, threads: ThreadPoolExecutor, check: Callable[[], None]
    ) -> None:
        """Use a model.

        Args:
            model: the model, whose pool has as many threads as `threads`.
            threads: run the model on several objects.
            check: called between steps of a long search; it may raise an exception.
        """
        self._model, self._threads, self._check = model, threads, check
        self._num_parallel = threads._max_workers
        self._wide_model = copy(model)
        self._wide_model.pool = None  # it uses all threads of torch then
        self._embedding: EmbeddedImage | None = None
        self._masks: OrderedDict[_Key, FloatArray] = OrderedDict()

    @property
    def nbytes(self) -> int:
        """Size of the masks that are kept, in bytes."""
        return sum(mask.nbytes for mask in self._masks.values())

    def embed(self, image: FloatArray) -> EmbeddedImage:
        """Return the embedding of the photo, of which `image` is the proxy."""
        if self._embedding is None:
            self._embedding = self._model.embed(image)
        return self._embedding

    def segment_clicks(self, image: EmbeddedImage, objects: Sequence[Points]) -> FloatArray:
        """Segment K objects that are clicked on: (K, H, W) float32 in [0, 1]."""
        keys = [_make_key(points) for points in objects]
        known = dict(zip(keys, objects, strict=True))
        missing = [(key, points) for key, points in known.items() if key not in self._masks]
        for some in batched(missing, self._num_parallel):
            self._check()
            # Two objects take less time on one core each; one object takes less on all cores.
            model = self._model if len(some) > 1 else self._wide_model
            masks = self._threads.map(
                lambda item, model=model: model.segment_clicks(image, [item[1]])[0], some
            )
            # They are kept even if the next check ends the search, which then continues here.
            self._masks.update(zip([key for key, _ in some], masks, strict=True))
        result = np.stack([self._masks[key] for key in keys])
        for key in keys:
            self._masks.move_to_end(key)
        while len(self._masks) > MAX_MASKS:
            self._masks.popitem(last=False)
        return result


def _make_key(points: Points) -> _Key:
    return tuple(points.positive), tuple(points.negative)
