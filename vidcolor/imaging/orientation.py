"""EXIF orientation, mirrored ones included: pictures as displayed and as stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_INVERSE = {6: 8, 8: 6}


def to_displayed(image: NDArray[Any], orientation: int) -> NDArray[Any]:
    """(H, W, ...) as stored -> as viewers show it."""
    if orientation in (5, 7):
        image = image.swapaxes(0, 1)
    turns = {3: 2, 6: 3, 7: 2, 8: 1}.get(orientation, 0)
    turned: NDArray[Any] = np.rot90(image, turns)
    if orientation == 2:
        return turned[:, ::-1]
    return turned[::-1] if orientation == 4 else turned


def to_stored(image: NDArray[Any], orientation: int) -> NDArray[Any]:
    """(H, W, ...) as viewers show it -> as stored."""
    return to_displayed(image, _INVERSE.get(orientation, orientation))
