"""Values as people type them; the command line puts the option's name before what they raise."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import typer


def parse_time(text: str) -> Fraction:
    """Seconds from ``90.5``, ``1:30.5`` or ``0:01:30.5``."""
    parts = str(text).split(":")
    try:
        numbers = [Fraction(part) for part in parts]
    except (ValueError, ZeroDivisionError):
        numbers = []
    if not 1 <= len(numbers) <= 3 or any(n < 0 for n in numbers):
        raise typer.BadParameter(f"{text!r} is no time; write 90.5 (seconds) or 0:01:30.5")
    seconds = Fraction(0)
    for number in numbers:
        seconds = seconds * 60 + number
    return seconds


def parse_fps(text: str) -> Fraction:
    """A frame rate from ``24``, ``23.976`` or ``24000/1001``; NTSC's decimals are made exact."""
    try:
        rate = Fraction(str(text))
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if rate <= 0:
        raise typer.BadParameter(f"{text!r} is no frame rate; write 24, 23.976 or 24000/1001")
    ntsc = Fraction(round(rate * Fraction(1001, 1000)) * 1000, 1001)
    close = abs(float(rate - ntsc)) < 0.005 and rate.denominator != 1
    return ntsc if close else rate


def parse_option(text: str) -> tuple[str, str]:
    """``crf=18`` as a pair."""
    key, found, value = text.partition("=")
    if not found or not key:
        raise typer.BadParameter(
            f"{text!r} is no KEY=VALUE; write crf=18", param_hint="--encoder-option"
        )
    return key.strip(), value


def parse_counts(text: str) -> tuple[int, ...]:
    """Numbers from ``1,5,10``."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} are no numbers; write 1,5,10", param_hint="--hint-curve"
        ) from None


def parse_reference(text: str) -> tuple[Path, Fraction | None]:
    """``frame.png``, or ``frame.png@0:01:23.5`` with the time in the film that it is of."""
    name, found, when = text.rpartition("@")
    if not found or not name or Path(text).exists():
        return Path(text), None
    try:
        return Path(name), parse_time(when)
    except typer.BadParameter:
        raise typer.BadParameter(
            f"there is no {text}, and after @ stands no time; write frame.png@0:01:23.5",
            param_hint="--reference",
        ) from None
