"""Reports: what is in them, that nothing gets out of its quotes, and that they need nothing."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import subprocess
from fractions import Fraction
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest
from PIL import Image

from tests.helpers.tiny_films import grays, make_film, reds
from vidcolor import digests
from vidcolor.batch.discover import Task
from vidcolor.batch.report.write import (
    record,
    record_of_film,
    records_of,
    sha256_file,
    sha256_of,
    write_report,
)
from vidcolor.batch.runner import BatchSummary, TaskResult
from vidcolor.errors import InputError, OutputError, UsageError
from vidcolor.film.pipeline import FilmResult
from vidcolor.film.plan import plan_film
from vidcolor.options import ColorizeOptions
from vidcolor.photo import PhotoResult
from vidcolor.provenance import Provenance

HOSTILE = "<script>alert(1)</script>&\"'"
PROVENANCE = Provenance("0.1", "flat", "0" * 64, "1" * 64)
VOID = {"meta", "img", "input", "br"}


class Page(HTMLParser):
    """Checks nesting and collects elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def film_result(source, target, **values):
    plan = plan_film(source, target.with_name("planned.mkv"), ColorizeOptions())
    given = {"num_frames": 12, "seconds": 2.0, "warnings": (), "damaged": False, **values}
    return FilmResult(source=source, target=target, provenance=PROVENANCE, plan=plan, **given)


@pytest.fixture
def result(tmp_path):
    source = make_film(tmp_path / "a & b.mp4", grays(12), sound=True)
    target = make_film(tmp_path / "color.mp4", reds(12))
    return film_result(source, target, warnings=(HOSTILE,))


@pytest.fixture
def photo(tmp_path):
    source, target = tmp_path / "p.png", tmp_path / "p.color.png"
    Image.new("L", (40, 60), 90).save(source)
    Image.new("RGB", (40, 60), (200, 60, 50)).save(target)
    return record("photo", source, target, num_frames=1, seconds=0.1, provenance=PROVENANCE)


def test_json_holds_the_records(result, photo, tmp_path):
    records = [record_of_film(result, ColorizeOptions(start=Fraction(1, 3))), photo]
    write_report(tmp_path / "r.json", records)
    document = json.loads((tmp_path / "r.json").read_text())
    assert document["results"] == records
    assert set(document) == {"vidcolor", "created", "results"}
    film = document["results"][0]
    assert film["fps"] == 6.0 and film["timings"] == {"total": 2.0}
    assert film["options"]["start"] == "1/3"
    assert film["source_sha256"] == hashlib.sha256(result.source.read_bytes()).hexdigest()
    assert film["picture"]["width"] == 64 and film["picture"]["encoder"] == "libx264"
    assert [(s["kind"], s["kept"]) for s in film["streams"]] == [("audio", True)]
    assert film["provenance"]["recipe"] == "1" * 64
    assert {"python", "torch", "av", "numpy", "opencv", "libavcodec"} <= set(film["versions"])


def test_the_page_shows_before_and_after(result, photo, tmp_path):
    write_report(tmp_path / "r.html", [record_of_film(result), photo])
    page = Page((tmp_path / "r.html").read_text())
    images = page.all("img")
    assert len(images) == 2 * 3 + 2
    assert all(i["alt"] and i["src"].startswith("data:image/jpeg;base64,") for i in images)
    assert len(page.all("input")) == 4 and all(i["aria-label"] for i in page.all("input"))
    data = base64.b64decode(images[0]["src"].partition(",")[2])
    with Image.open(io.BytesIO(data)) as after:
        assert str(after.size[0]) == images[0]["width"]
        red, _, blue = after.getpixel((10, 10))
        assert red - blue > 60
    assert "guess" in page.text and "0:00.083" in page.text


def test_the_page_needs_nothing_and_runs_nothing_else(result, tmp_path):
    write_report(tmp_path / "r.html", [record_of_film(result)])
    text = (tmp_path / "r.html").read_text()
    page = Page(text)
    assert "http:" not in text and "https:" not in text and "<link" not in text
    policy = page.all("meta")[1]["content"]
    for tag in ("style", "script"):
        inside = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.S)
        assert len(inside) == 1
        digest = base64.b64encode(hashlib.sha256(inside[0].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not any("style" in attributes or "onclick" in attributes
                   for _, attributes in page.elements)  # fmt: skip


def test_every_text_is_escaped(result, tmp_path):
    hostile = record("film", tmp_path / "x", tmp_path / "y", error=HOSTILE)
    for key in ("source", "target", "error"):
        hostile[key] = HOSTILE
    hostile["options"] = {HOSTILE: HOSTILE}
    hostile["versions"] = {HOSTILE: HOSTILE}
    film = record_of_film(result)
    film["streams"][0].update(codec=HOSTILE, title=HOSTILE, note=HOSTILE)
    film["provenance"]["sentence"] = HOSTILE
    write_report(tmp_path / "r.html", [hostile, film])
    text = (tmp_path / "r.html").read_text()
    page = Page(text)
    assert text.count("<script>") == 1 and len(page.all("script")) == 1
    assert page.text.count("alert(1)") >= 10


def test_failed_skipped_and_vanished_results_are_told(photo, tmp_path):
    failed = record("film", tmp_path / "f.mp4", tmp_path / "f.c.mp4", error="f.mp4: broken")
    skipped = record("photo", tmp_path / "p.png", tmp_path / "p.color.png", skipped=True)
    gone = dict(photo, target=str(tmp_path / "gone.png"))
    assert failed["source_sha256"] is None and failed["target_sha256"] is None
    write_report(tmp_path / "r.html", [failed, skipped, gone])
    page = Page((tmp_path / "r.html").read_text())
    assert "f.mp4: broken" in page.text and "done before" in page.text
    assert "No preview:" in page.text and "gone.png: no such file" in page.text
    assert len(page.all("img")) == 2  # of what was done before


def test_records_of_a_run(result, tmp_path):
    picture = tmp_path / "p.png"
    Image.new("L", (8, 8)).save(picture)
    taken = PhotoResult(picture, picture, 0.5, ("odd",), False, PROVENANCE)
    error = InputError("c.mp4: broken")
    tally = BatchSummary([
        TaskResult(Task("film", result.source, result.target), result=result),
        TaskResult(Task("photo", picture, picture), result=taken),
        TaskResult(Task("sequence", tmp_path / "s_%d.png", tmp_path / "s.mp4"), error=error),
        TaskResult(Task("photo", picture, picture), skipped=True),
    ])  # fmt: skip
    film, photo, failed, skipped = records_of(tally, ColorizeOptions())
    assert film["kind"] == "film" and film["streams"] and film["warnings"] == [HOSTILE]
    assert photo["num_frames"] == 1 and photo["warnings"] == ["odd"] and photo["picture"] is None
    assert failed["error"] == "c.mp4: broken" and failed["provenance"] is None
    assert skipped["skipped"] and skipped["error"] is None


def test_a_sequence_shows_its_frames(result, tmp_path):
    for n in range(12):
        Image.new("L", (64, 48), 40 + 8 * n).save(tmp_path / f"s_{n + 1:03d}.png")
    pattern = tmp_path / "s_%03d.png"
    made = SimpleNamespace(
        **{name: getattr(result, name) for name in FilmResult.__slots__} | {"source": pattern},
        frames_per_second=6.0,
    )
    sequence = record_of_film(made, kind="sequence")
    write_report(tmp_path / "r.html", [sequence])
    page = Page((tmp_path / "r.html").read_text())
    assert len(page.all("img")) == 6 and "frame 2" in page.text
    lines = subprocess.run(
        "sha256sum s_*.png | sha256sum", cwd=tmp_path, shell=True, capture_output=True, check=True
    )
    assert sequence["source_sha256"] == lines.stdout.decode().split()[0]


def test_a_trimmed_film_is_shown_beside_its_own_part(tmp_path):
    source = make_film(tmp_path / "whole.mp4", grays(12))
    target = make_film(tmp_path / "part.mp4", reds(12)[6:9])
    options = ColorizeOptions(start=Fraction(6, 24), end=Fraction(9, 24))
    made = record_of_film(film_result(source, target), options)
    write_report(tmp_path / "r.html", [made])
    images = Page((tmp_path / "r.html").read_text()).all("img")
    levels = []
    for image in images[1::2]:
        data = base64.b64decode(image["src"].partition(",")[2])
        levels.append(Image.open(io.BytesIO(data)).getpixel((9, 9))[0])
    assert [round((v - 40) / 8) for v in levels] == [6, 7, 8]


def test_digests(tmp_path, monkeypatch):
    path = tmp_path / "x.bin"
    path.write_bytes(bytes(range(256)) * 9000)
    monkeypatch.setattr(digests, "_BLOCK", 1000)
    assert sha256_file(path) == hashlib.sha256(path.read_bytes()).hexdigest() == sha256_of(path)
    assert sha256_of(tmp_path / "none.bin") is None
    assert sha256_of(tmp_path) is None


def test_other_suffixes_and_places_are_refused(photo, tmp_path):
    with pytest.raises(UsageError, match=r"\.json or an \.html"):
        write_report(tmp_path / "r.txt", [photo])
    with pytest.raises(OutputError):
        write_report(tmp_path / "none" / "r.json", [photo])
    (tmp_path / "r.json").write_text("old")
    write_report(tmp_path / "r.json", [photo])
    assert not list(tmp_path.glob(".*")) and "old" not in (tmp_path / "r.json").read_text()
