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
from vidcolor.options import ColorizeOptions, Hint, Reference


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
        == "a3db494753a2c15da8b1fa37bd4aba9e5dd22befd4b31affa152fda0ae9b14c2"
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
        (reference,) = ColorizeOptions(references=text).references
        return reference.path, reference.time

    assert split("a.png") == (Path("a.png"), None)
    assert split("a.png@1:02.5") == (Path("a.png"), Fraction(125, 2))
    existing = tmp_path / "a@b.png"
    existing.touch()
    assert split(str(existing)) == (existing, None)
    with pytest.raises(UsageError, match="not a time"):
        split("a@b.png")


def test_references_are_texts_paths_or_objects_in_order() -> None:
    references = ColorizeOptions(
        references=["b.png@1:00", Path("a.png"), {"path": "b.png", "time": 2}]
    ).references
    assert references == (
        Reference(path="b.png", time=60),
        Reference(path="a.png"),
        Reference(path="b.png", time=2),
    )
    assert [reference.name for reference in references] == ["b.png@60", "a.png", "b.png@2"]
    with pytest.raises(UsageError, match=r"--reference: a\.png@2 is given twice; remove one"):
        ColorizeOptions(references=["a.png@2", "a.png@0:02"])
    with pytest.raises(UsageError, match="--per-frame cannot be combined with hints"):
        ColorizeOptions(references=["a.png"], per_frame=True)


def test_fingerprint_covers_contents_times_and_order_of_references(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "b").write_bytes(b"b")

    def fingerprint(*names: str) -> dict[str, Any]:
        options = ColorizeOptions(references=[f"{tmp_path}/{name}" for name in names])
        values = options.fingerprint_values()
        assert len(json.dumps(options.describe_changes())) < 250
        return {key: value for key, value in values.items() if key.startswith("reference")}

    digest = hashlib.sha256(b"a").hexdigest()
    # Results of versions that accepted one reference stay up to date.
    assert fingerprint() == {"reference": None, "reference_time": None}
    assert fingerprint("a") == {"reference": digest, "reference_time": None}
    assert fingerprint("a@0:12.5") == {"reference": digest, "reference_time": "25/2"}
    several = [("a", "b"), ("b", "a"), ("a@1", "b"), ("a@1", "b@2"), ("a@1", "b@3"), ("a@1", "a")]
    assert len({json.dumps(fingerprint(*names)) for names in several}) == len(several)


def test_all_references_are_input_files() -> None:
    options = ColorizeOptions(references=["a.png", "b.png@3"], shots="s.csv")
    assert options.input_files() == (Path("a.png"), Path("b.png"), Path("s.csv"))


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
