"""`vidcolor evaluate`: tables, output files, warnings and errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.albums import colorful, make_album, save
from tests.helpers.cli_runs import Run

Vidcolor = Callable[..., Run]


@pytest.fixture
def album(vidcolor: Vidcolor) -> Path:
    """A folder with two color images in the working directory."""
    for seed in range(2):
        save(Path(f"album/{seed}.png"), colorful(seed, (64, 64)))
    return Path("album")


@pytest.mark.slow
def test_all_outputs_are_written_and_existing_files_are_kept(
    vidcolor: Vidcolor, album: Path
) -> None:
    (album / "cut.png").write_bytes((album / "0.png").read_bytes()[:2000])
    save(album / "gray.png", np.full((64, 64, 3), 128, np.uint8))
    arguments = ["evaluate", album, "-o", "scores.json", "--sheet", "sheet.png", "--size", 64]
    arguments += ["--plots", "plots", "--hint-curve", "2", "--vividness", 0.2]
    run = vidcolor(*arguments)
    assert run.code == 1  # one image cannot be read
    assert run.out[0].startswith("2 images, 64×64")
    assert [line.split("  ")[0] for line in run.out[1:4]] == [
        "gray", "embedded, vividness 0.2", "ground_truth",
    ]  # fmt: skip
    assert any("PSNR by number of hints" in line for line in run.out)
    warnings = "\n".join(run.err)
    assert "skipped: album/cut.png" in warnings
    assert "skipped: gray.png: has no color" in warnings
    document = json.loads(Path("scores.json").read_text())
    assert document["num_images"] == 2
    assert len(document["skipped"]) == 2
    written = ["scores.json", "sheet.png", "plots/reliability.png", "plots/hint-curve.png"]
    assert run.out[-4:] == [f"{name}: written" for name in written]
    assert all(Path(name).stat().st_size for name in written)
    again = vidcolor(*arguments)
    assert again.code == 2
    assert "--force" in again.err[-1]


def test_json_event_has_the_metrics_of_methods_but_not_of_images(
    vidcolor: Vidcolor, album: Path
) -> None:
    make_album(Path("results"), count=0)
    for path in album.iterdir():
        save(Path("results") / path.name, colorful(7, (64, 64)))
    run = vidcolor("evaluate", album, "--results", "results", "--native", "--json")
    assert run.code == 0
    event = json.loads(run.out[-1])
    assert event["event"] == "done"
    assert [method["name"] for method in event["methods"]] == ["gray", "results", "ground_truth"]
    assert "images" not in event


@pytest.mark.parametrize(
    "arguments",
    [
        ("--count", 3),
        ("--size", 0),
        ("--vividness", 2),
        ("--native", "--size", 128),
        ("--hint-curve", ""),
        ("--hint-curve", "1,many"),
        ("--results", "album", "--vividness", 0.5),
        ("--results", "album", "--hint-curve", 5),
        ("--results", "album", "--plots", "plots"),
        ("--sheet", "album/0.png", "--force"),
        ("--out", "scores.txt"),
    ],
)
def test_contradictory_options_are_usage_errors(
    vidcolor: Vidcolor, album: Path, arguments: tuple[object, ...]
) -> None:
    before = (album / "0.png").read_bytes()
    assert vidcolor("evaluate", album, *arguments).code == 2
    assert (album / "0.png").read_bytes() == before
