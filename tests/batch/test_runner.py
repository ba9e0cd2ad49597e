"""From names to pieces of work."""

from __future__ import annotations

import errno
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from vidcolor.batch.discover import Task, discover
from vidcolor.batch.runner import is_done, run_tasks, wrap_error
from vidcolor.errors import InputError, UsageError, VidcolorError
from vidcolor.options import ColorizeOptions

if TYPE_CHECKING:
    from vidcolor import Colorizer

OPTIONS = ColorizeOptions()
AT_24 = ColorizeOptions(fps=Fraction(24))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def touch(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def kinds(*inputs: str, out: str | None = None, options: ColorizeOptions = OPTIONS) -> list[str]:
    items = discover([Path(i) for i in inputs], Path(out) if out else None, None, options)
    return [f"{item.kind} {item.source} {item.target}" for item in items]


def test_kinds() -> None:
    touch("reel.mp4", "p.JPG", "s/f_1.png", "s/f_2.png", "a%d.mp4")
    assert kinds("reel.mp4") == ["film reel.mp4 reel.color.mp4"]
    assert kinds("p.JPG") == ["photo p.JPG p.color.JPG"]
    assert kinds("s/f_%d.png") == ["sequence s/f_%d.png s/f.color.mp4"]
    assert kinds("a%d.mp4") == ["film a%d.mp4 a%d.color.mp4"]
    assert kinds("s", options=AT_24) == ["sequence s s.color.mp4"]
    assert kinds("s", out="film.mkv") == ["sequence s film.mkv"]
    assert kinds("s", out="o_%d.png") == ["sequence s o_%d.png"]
    assert kinds("s", out="elsewhere") == [
        "photo s/f_1.png elsewhere/f_1.png", "photo s/f_2.png elsewhere/f_2.png"]  # fmt: skip


def test_a_folder_whose_name_has_a_dot_may_be_the_mirror() -> None:
    touch("s/f_1.png", "out.v2/keep")
    assert kinds("s", out="out.v2") == ["photo s/f_1.png out.v2/f_1.png"]


def test_neither_hidden_nor_results_are_sources() -> None:
    touch("a/x.png", "a/.x.png", "a/.git/x.png", "a/y.color.png", "a/b/x.png", "a/b-color/x.png")
    touch("a/lone-color/x.png", "a/notes.txt")
    assert [line.split()[1] for line in kinds("a")] == [
        "a/x.png", "a/b/x.png", "a/lone-color/x.png"]  # fmt: skip


@pytest.mark.parametrize("folder", [".", "../{here}", "{whole}", "./"])
def test_however_the_folder_is_called(folder: str, tmp_path: Path) -> None:
    touch("x.png")
    (item,) = discover(
        [Path(folder.format(here=tmp_path.name, whole=tmp_path))], None, None, OPTIONS
    )
    assert item.target.resolve() == tmp_path.parent / f"{tmp_path.name}-color" / "x.png"


def test_contradictions() -> None:
    touch("x.png", "y.png", "a/x.png", "file")
    with pytest.raises(UsageError, match="not both"):
        discover([Path("x.png")], Path("o.png"), Path("d"), OPTIONS)
    with pytest.raises(UsageError, match="use --out-dir"):
        kinds("x.png", "y.png", out="o.png")
    with pytest.raises(UsageError, match="would both be written to"):
        discover([Path("x.png"), Path("a/x.png")], None, Path("d"), OPTIONS)
    with pytest.raises(UsageError, match="--confidence names one file"):
        kinds("x.png", "y.png", options=ColorizeOptions(confidence=Path("c.png")))
    with pytest.raises(UsageError, match="file: is a file"):
        discover([Path("x.png")], None, Path("file"), OPTIONS)
    with pytest.raises(InputError, match=r"none\.png: no such file"):
        kinds("none.png")


def test_only_one_of_several_is_skipped_when_done() -> None:
    touch("x.png", "x.color.png")
    (alone,) = discover([Path("x.png")], None, None, OPTIONS)
    assert not alone.repeatable
    assert not is_done(alone, "")


def test_what_is_no_film_is_not_taken_for_done() -> None:
    touch("x.mp4", "out/x.mp4")
    assert not is_done(Task("film", Path("x.mp4"), Path("out/x.mp4"), repeatable=True), "0" * 64)


def test_every_item_has_an_outcome_in_its_place(flat: Colorizer) -> None:
    touch("a.png", "b.mp4")
    items = discover([Path(n) for n in ("a.png", "none.png", "b.mp4")], None, None, OPTIONS)
    outcomes = list(run_tasks(items, OPTIONS, flat))
    assert [o.item.source.name for o in outcomes] == ["a.png", "none.png", "b.mp4"]
    assert all(isinstance(o.error, VidcolorError) for o in outcomes)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "x: not enough memory for it"),
        (OSError(errno.ENOSPC, "No space left on device"), "x: the disk is full"),
        (OSError(errno.EIO, "Input/output error", "disk"), "x: disk: Input/output error"),
        (ValueError("two\nlines"), "x: a fault in vidcolor (ValueError: two lines)"),
    ],
)
def test_errors_in_words(error: Exception, said: str) -> None:
    explained = wrap_error(error, Path("x"))
    assert str(explained).startswith(said)
    assert explained.__cause__ is error
