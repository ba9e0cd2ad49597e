"""What is known of a photograph, from the hints and the reference that its options name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidcolor.errors import UsageError
from vidcolor.hints.color_transfer import lend
from vidcolor.hints.discs import spots_of
from vidcolor.hints.hint_set import Known
from vidcolor.hints.io import rows_of
from vidcolor.hints.reference import Lent, read_reference
from vidcolor.hints.registration import shrunk
from vidcolor.imaging.orientation import displayed, stored

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from vidcolor.hints.color_transfer import Guess
    from vidcolor.media.stills import Still
    from vidcolor.options import ColorizeOptions

    Array = NDArray[np.float32]

LEAST_SHOWN = 0.02
"""Share of a picture that a reference must show, or it is said that it lends its palette alone."""


def find_known(
    still: Still, options: ColorizeOptions, guess: Callable[[Array], Guess]
) -> tuple[Known, tuple[str, ...]]:
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
    spots = spots_of(rows_of(options), still.luma.shape, still.orientation)
    if options.reference is None:
        return Known(still.luma.shape, spots), ()
    if options.reference_time is not None:
        raise UsageError(
            f"{options.reference}: @ names a moment of a film, and {still.path} is a picture; "
            "leave it out"
        )
    lent, shown = _lent(still, options.reference, guess)
    known = Known(still.luma.shape, spots, lent)
    if shown >= LEAST_SHOWN:
        return known, ()
    return known, (f"{options.reference} shows something else; only its palette is taken over",)


def _lent(still: Still, reference: Path, guess: Callable[[Array], Guess]) -> tuple[Lent, float]:
    """What a reference lends, in the orientation of the stored pixels; how much of it it shows."""
    luma = displayed(still.coding.luma_to_unit(shrunk(still.luma)), still.orientation)
    lent, shown = lend(read_reference(reference), luma, guess)
    ab = stored(lent.ab.transpose(1, 2, 0), still.orientation).transpose(2, 0, 1)
    return Lent(ab, stored(lent.trust, still.orientation)), shown
