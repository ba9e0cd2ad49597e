"""The smoothstep function."""

import numpy as np

from vidcolor.imaging.smoothstep import smoothstep


def test_smoothstep_is_constant_outside_and_monotonic_inside() -> None:
    values = smoothstep(np.linspace(-1, 2, 301, dtype=np.float32), 0.0, 1.0)
    assert values.dtype == np.float32
    assert (values[:100] == 0).all() and (values[-100:] == 1).all()
    assert (np.diff(values) >= 0).all()
    assert values[150] == 0.5
