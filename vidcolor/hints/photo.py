"""What is known of a photograph, from the hints and the reference that its options name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidcolor.errors import UsageError
from vidcolor.hints.color_transfer import transfer_color
from vidcolor.hints.discs import place_hints
from vidcolor.hints.hint_set import HintSet
from vidcolor.hints.io import load_hints
from vidcolor.hints.reference import TransferredColor, read_reference
from vidcolor.hints.registration import shrunk
from vidcolor.imaging.orientation import to_displayed, to_stored

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from vidcolor.hints.color_transfer import BasePrediction
    from vidcolor.media.stills import Still
    from vidcolor.options import ColorizeOptions

    Array = NDArray[np.float32]

LEAST_SHOWN = 0.02
"""Share of a picture that a reference must show, or it is said that it lends its palette alone."""


def hint_set_for_photo(
    still: Still, options: ColorizeOptions, guess: Callable[[Array], BasePrediction]
) -> tuple[HintSet, tuple[str, ...]]:
    """Gather what is known of a picture.

    Args:
        still: the picture.
        options: all of their hints are for it.
        guess: what the generator says without hints of the Y' of an upright picture, (h, w)
            float32 in [0, 1].

    Returns:
        What is known; and what is to be said of that.

    Raises:
        InputError: hints or reference cannot be read.
        UsageError: they are not for such a picture, or a hint lies outside of it.
    """
    spots = place_hints(load_hints(options), still.luma.shape, still.orientation)
    if options.reference is None:
        return HintSet(still.luma.shape, spots), ()
    if options.reference_time is not None:
        raise UsageError(
            f"{options.reference}: @ names a moment of a film, and {still.path} is a picture; "
            "leave it out"
        )
    lent, shown = _lent(still, options.reference, guess)
    known = HintSet(still.luma.shape, spots, lent)
    if shown >= LEAST_SHOWN:
        return known, ()
    return known, (f"{options.reference} shows something else; only its palette is taken over",)


def _lent(
    still: Still, reference: Path, guess: Callable[[Array], BasePrediction]
) -> tuple[TransferredColor, float]:
    """What a reference lends, in the orientation of the stored pixels; how much of it it shows."""
    luma = to_displayed(still.coding.luma_to_unit(shrunk(still.luma)), still.orientation)
    lent, shown = transfer_color(read_reference(reference), luma, guess)
    ab = to_stored(lent.ab.transpose(1, 2, 0), still.orientation).transpose(2, 0, 1)
    return TransferredColor(ab, to_stored(lent.trust, still.orientation)), shown
