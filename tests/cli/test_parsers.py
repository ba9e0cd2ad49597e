"""Parsers of option values."""

from __future__ import annotations

import pytest
import typer

from vidcolor.cli.parsers import parse_counts


def test_counts_are_whole_numbers() -> None:
    assert parse_counts("1,5,10") == (1, 5, 10)
    with pytest.raises(typer.BadParameter, match="not a list of whole numbers"):
        parse_counts("1,many")
