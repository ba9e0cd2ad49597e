"""Validation of options, and the fingerprint of the options that a result depends on."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from vidcolor.errors import UsageError
from vidcolor.options import ColorizeOptions


@pytest.mark.parametrize(
    "invalid",
    [
        {"vividness": -0.1}, {"vividness": 1.1}, {"vividness": float("nan")}, {"batch": 0},
        {"saturation": -0.1}, {"saturation": 3.1}, {"saturation": float("nan")},
        {"batch": 65}, {"quality": 0}, {"quality": 101}, {"start": Fraction(-1)},
        {"end": Fraction(0)}, {"start": Fraction(2), "end": Fraction(2)}, {"fps": Fraction(0)},
    ],
)  # fmt: skip
def test_invalid_options_are_rejected(invalid: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=list(invalid)[-1]):
        ColorizeOptions(**invalid)


@pytest.mark.parametrize(
    "changed",
    [
        {"vividness": 0.1}, {"saturation": 0.5}, {"mark": True}, {"start": Fraction(1)},
        {"gray_from": "red"}, {"purpose": "archive"}, {"encoder": "ffv1"},
        {"encoder_options": (("crf", "1"),)}, {"quality": 50}, {"fps": Fraction(25)},
        {"precision": "bf16"},
    ],
)  # fmt: skip
def test_fingerprint_contains_options_that_change_the_result(changed: dict[str, Any]) -> None:
    assert ColorizeOptions(**changed).fingerprint_values() != ColorizeOptions().fingerprint_values()


@pytest.mark.parametrize(
    "changed",
    [{"device": "cpu"}, {"batch": 1}, {"force": True}, {"confidence": Path("c.png")},
     {"allow_damaged": True}],
)  # fmt: skip
def test_fingerprint_omits_options_that_do_not_change_the_result(changed: dict[str, Any]) -> None:
    assert ColorizeOptions(**changed).fingerprint_values() == ColorizeOptions().fingerprint_values()


def test_to_json_returns_plain_values() -> None:
    options = ColorizeOptions(
        fps=Fraction(24000, 1001), confidence=Path("c.png"), encoder_options=(("crf", "18"),)
    )
    plain = json.loads(json.dumps(options.to_json()))
    assert plain["fps"] == "24000/1001"
    assert plain["confidence"] == "c.png"
    assert plain["encoder_options"] == [["crf", "18"]]
