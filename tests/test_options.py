"""Validation of options, and the fingerprint of the options that a result depends on."""

from __future__ import annotations

import hashlib
import json
import pickle
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from vidcolor.errors import UsageError
from vidcolor.options import ColorizeOptions, Hint


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


def test_fingerprint_is_that_of_earlier_versions(tmp_path: Path) -> None:
    # A change makes finished results look outdated.
    hints = (Hint(x=1, y=2, radius=3, color="teal", name="a"), Hint(x=0.5, y=0.5, color="#fff"))
    (tmp_path / "shots.csv").write_bytes(b"first_frame\n0\n")
    options = ColorizeOptions(
        hints=hints, saturation=2, vividness=0.5, start=Fraction(1, 3),
        encoder_options=(("crf", "18"),), shots=tmp_path / "shots.csv", batch=4, model="other",
    )  # fmt: skip
    text = json.dumps(options.fingerprint_values())
    assert (
        hashlib.sha256(text.encode()).hexdigest()
        == "bab2a6934098e188003a8523e419f9a1f0873b8e063f5d1718a93a16013770b7"
    )


def test_text_is_converted_as_on_the_command_line(tmp_path: Path) -> None:
    options = ColorizeOptions(
        start="1:30", fps="23.976", vividness="0.5", encoder_options="crf=18 x265-params=a=1:b=2"
    )
    assert (options.start, options.fps) == (90, Fraction(24000, 1001))
    assert options.vividness == 0.5
    assert options.encoder_options == (("crf", "18"), ("x265-params", "a=1:b=2"))
    assert ColorizeOptions(encoder_options={"crf": 18}).encoder_options == (("crf", "18"),)


def test_reference_may_have_a_time(tmp_path: Path) -> None:
    def split(text: str) -> tuple[Path | None, Fraction | None]:
        options = ColorizeOptions(reference=text)
        return options.reference, options.reference_time

    assert split("a.png") == (Path("a.png"), None)
    assert split("a.png@1:02.5") == (Path("a.png"), Fraction(125, 2))
    existing = tmp_path / "a@b.png"
    existing.touch()
    assert split(str(existing)) == (existing, None)
    with pytest.raises(UsageError, match="not a time"):
        split("a@b.png")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"vividness": 2}, "--vividness must be in [0, 1], got 2"),
        ({"threads": 0}, "--threads must be 1 or more, got 0"),
        ({"size": "big"}, "--size must be an integer, got 'big'"),
        ({"purpose": "dvd"}, "--for must be one of delivery, editing, archive, got 'dvd'"),
        ({"vividnes": 1}, "unknown key '--vividnes'; did you mean '--vividness'?"),
        ({"start": "soon"}, "--start: 'soon' is not a time; write 90.5 (seconds) or 0:01:30.5"),
        ({"encoder_options": ["crf"]}, "--encoder-option: 'crf' is not KEY=VALUE; write crf=18"),
        ({"hints": [{"x": 1}]}, "the hint: y is missing"),
        ({"hints": [{"x": 1, "y": 2, "color": "red", "name": "b.csv: hint 1", "unit": "mm"}]},
         "b.csv: hint 1: unit must be one of pixel, fraction, got 'mm'"),
    ],
)  # fmt: skip
def test_errors_name_option_fault_and_remedy(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as raised:
        ColorizeOptions(**values)
    assert str(raised.value) == message


def test_replace_validates_and_keeps_other_values() -> None:
    options = ColorizeOptions(vividness=0.5, hints=(Hint(x=1, y=1.0, color="red"),))
    changed = options.replace(device="cpu")
    assert changed.device == "cpu"
    assert changed.replace(device="auto") == options
    with pytest.raises(UsageError, match="--batch"):
        options.replace(batch=0)
    with pytest.raises(UsageError, match="--end"):
        options.replace(start=Fraction(2), end=Fraction(1))


def test_options_survive_the_way_to_a_worker() -> None:
    options = ColorizeOptions(hints=(Hint(x=1, y=1.0, color="red"),), start=Fraction(1, 3))
    copy = pickle.loads(pickle.dumps(options))
    assert copy == options
    assert not copy.hints[0].unit
    assert copy.hints[0].in_fractions


def test_every_option_has_help_and_a_group() -> None:
    assert ColorizeOptions.options().keys() == ColorizeOptions.model_fields.keys()
    assert all(option.help.endswith(".") for option in ColorizeOptions.options().values())
