"""Options that shots may have their own values of."""

from __future__ import annotations

import pytest

from vidcolor.errors import UsageError
from vidcolor.options import ColorizeOptions, ShotOptions
from vidcolor.shots.shot_options import make_saturation_finder, make_vividness_finder

SHOTS = (
    ShotOptions(first=0, saturation=0.5),
    ShotOptions(first=10, transition="dissolve", mixed_frames=4, vividness=0.9, saturation=1.5),
    ShotOptions(first=20, transition="cut"),
)


def test_shots_have_their_own_values_or_that_of_the_film() -> None:
    options = ColorizeOptions(shots=SHOTS, vividness=0.2)
    vividness, saturation = make_vividness_finder(options), make_saturation_finder(options)
    assert [vividness(n) for n in (0, 11, 12, 19, 20, 99)] == [0.2, 0.2, 0.9, 0.9, 0.2, 0.2]
    assert [saturation(n) for n in (0, 9, 14, 19, 20)] == [0.5, 0.5, 1.5, 1.5, 1.0]
    assert [round(saturation(n), 6) for n in range(10, 14)] == [0.7, 0.9, 1.1, 1.3]


def test_film_without_shots_has_one_value() -> None:
    options = ColorizeOptions(saturation=0.7)
    assert {make_saturation_finder(options)(n) for n in (0, 500)} == {0.7}
    assert make_vividness_finder(options)(3) is None


@pytest.mark.parametrize("others", [{"per_frame": True}, {"trust": 0.5}])
def test_own_values_are_refused_where_they_have_no_effect(others: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="options of single shots"):
        ColorizeOptions(shots=SHOTS, **others)
