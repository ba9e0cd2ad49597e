"""Reports: records, and an HTML page that escapes all text and loads nothing."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import subprocess
from dataclasses import replace
from fractions import Fraction
from html.parser import HTMLParser

import pytest
from PIL import Image

from tests.helpers.tiny_films import gray_ramp, make_film, red_ramp
from vidcolor.batch.discover import Task
from vidcolor.batch.report.make import hash_media, make_record
from vidcolor.batch.report.schema import LeftOutRecord, Report
from vidcolor.batch.report.write import write_report
from vidcolor.batch.runner import TaskResult
from vidcolor.errors import InputError, OutputError, UsageError
from vidcolor.film.api import FilmResult
from vidcolor.film.plan import plan_film
from vidcolor.film.titles import TitleSpan
from vidcolor.options import ColorizeOptions
from vidcolor.photo import PhotoResult
from vidcolor.provenance import Provenance

HOSTILE = "<script>alert(1)</script>&\"'"
PROVENANCE = Provenance("0.1", "flat", "0" * 64, "1" * 64)
VOID = {"meta", "img", "input", "br"}


class Page(HTMLParser):
    """Parses an HTML page: checks its nesting and collects its elements and text."""

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


def task(kind, source, target, options=None):
    return Task(kind, source, target, options or ColorizeOptions())


def film_record(result, options=None, kind="film"):
    return make_record(TaskResult(task(kind, result.source, result.target, options), result))


def film_result(source, target, **values):
    plan = plan_film(source, target.with_name("planned.mkv"), ColorizeOptions())
    fields = {"num_frames": 12, "seconds": 2.0, "warnings": (), "damaged": False, **values}
    return FilmResult(source=source, target=target, provenance=PROVENANCE, plan=plan, **fields)


@pytest.fixture
def result(tmp_path):
    source = make_film(tmp_path / "a & b.mp4", gray_ramp(12), audio=True)
    target = make_film(tmp_path / "color.mp4", red_ramp(12))
    return film_result(source, target, warnings=(HOSTILE,))


@pytest.fixture
def photo(tmp_path):
    source, target = tmp_path / "p.png", tmp_path / "p.color.png"
    Image.new("L", (40, 60), 90).save(source)
    Image.new("RGB", (40, 60), (200, 60, 50)).save(target)
    result = PhotoResult(source, target, 0.1, (), False, PROVENANCE)
    return make_record(TaskResult(task("photo", source, target), result))


def test_json_report_contains_the_records(result, photo, tmp_path):
    records = [film_record(result, ColorizeOptions(start=Fraction(1, 3))), photo]
    write_report(tmp_path / "r.json", records)
    document = json.loads((tmp_path / "r.json").read_text())
    assert Report.model_validate(document).results == tuple(records)
    assert set(document) == {"vidcolor", "created", "results", "left_out"}
    film = document["results"][0]
    assert film["fps"] == 6.0 and film["timings"] == {"total": 2.0}
    assert film["options"]["start"] == "1/3"
    assert film["source_sha256"] == hashlib.sha256(result.source.read_bytes()).hexdigest()
    assert film["video"]["width"] == 64 and film["video"]["encoder"] == "libx264"
    assert [(s["kind"], s["kept"]) for s in film["streams"]] == [("audio", True)]
    assert film["provenance"]["recipe"] == "1" * 64
    assert {"python", "torch", "av", "numpy", "opencv", "libavcodec"} <= set(film["versions"])


def test_page_shows_source_and_result(result, photo, tmp_path):
    write_report(tmp_path / "r.html", [film_record(result), photo])
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
    assert "predicted" in page.text and "0:00.083" in page.text


def test_report_lists_the_titles_of_films_and_photos(result, tmp_path):
    span = TitleSpan(2, 7, Fraction(1, 12), Fraction(1, 3), 0.918)
    film = film_record(replace(result, titles=(span,)))
    assert [(t.first_frame, t.last_frame, t.confidence) for t in film.titles] == [(2, 7, 0.918)]
    photo = PhotoResult(
        tmp_path / "p.png", tmp_path / "p.png", 0.1, (), False, PROVENANCE, title_confidence=0.97
    )
    record = make_record(TaskResult(task("photo", photo.source, photo.target), photo))
    assert [title.confidence for title in record.titles] == [0.97]
    write_report(tmp_path / "r.html", [film, record])
    text = Page((tmp_path / "r.html").read_text()).text
    assert "2 – 7" in text and "0:00.083 – 0:00.333" in text and "0.92" in text
    assert "shows text only (confidence 0.97)" in text
    assert film_record(result).titles == ()


def test_page_is_self_contained_and_allows_only_its_own_script(result, tmp_path):
    write_report(tmp_path / "r.html", [film_record(result)])
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
    error = InputError(HOSTILE)
    hostile = make_record(TaskResult(task("film", tmp_path / "x", tmp_path / "y"), error=error))
    values = dict.fromkeys(("source", "target", "error"), HOSTILE)
    values |= {"options": {HOSTILE: HOSTILE}, "versions": {HOSTILE: HOSTILE}}
    hostile = hostile.model_copy(update=values)
    film = film_record(result)
    values = dict.fromkeys(("codec", "title", "note"), HOSTILE)
    streams = (film.streams[0].model_copy(update=values),)
    provenance = film.provenance.model_copy(update={"sentence": HOSTILE})
    film = film.model_copy(update={"streams": streams, "provenance": provenance})
    left_out = [LeftOutRecord(source=HOSTILE, reason=HOSTILE, expected=False)]
    write_report(tmp_path / "r.html", [hostile, film], left_out)
    text = (tmp_path / "r.html").read_text()
    page = Page(text)
    assert text.count("<script>") == 1 and len(page.all("script")) == 1
    assert page.text.count("alert(1)") >= 12


def test_page_shows_failed_skipped_and_missing_results(photo, tmp_path):
    film = task("film", tmp_path / "f.mp4", tmp_path / "f.c.mp4")
    failed = make_record(TaskResult(film, error=InputError("f.mp4: broken")))
    done = task("photo", tmp_path / "p.png", tmp_path / "p.color.png")
    skipped = make_record(TaskResult(done, skipped=True))
    missing = photo.model_copy(update={"target": str(tmp_path / "none.png")})
    assert failed.source_sha256 is None and failed.target_sha256 is None
    write_report(tmp_path / "r.html", [failed, skipped, missing])
    page = Page((tmp_path / "r.html").read_text())
    assert "f.mp4: broken" in page.text and "skipped" in page.text
    assert "No preview:" in page.text and "none.png: no such file" in page.text
    assert len(page.all("img")) == 2  # those of the skipped result


def test_report_has_one_record_per_task(result, tmp_path):
    path = tmp_path / "p.png"
    Image.new("L", (8, 8)).save(path)
    photo_result = PhotoResult(path, path, 0.5, ("odd",), False, PROVENANCE)
    error = InputError("c.mp4: broken")
    frames, sequence_target = tmp_path / "s_%d.png", tmp_path / "s.mp4"
    outcomes = (
        TaskResult(task("film", result.source, result.target), result=result),
        TaskResult(task("photo", path, path), result=photo_result),
        TaskResult(task("sequence", frames, sequence_target), error=error),
        TaskResult(task("photo", path, path), skipped=True),
    )
    film, photo, failed, skipped = map(make_record, outcomes)
    assert film.kind == "film" and film.streams and film.warnings == (HOSTILE,)
    assert photo.num_frames == 1 and photo.warnings == ("odd",) and photo.video is None
    assert failed.error == "c.mp4: broken" and failed.provenance is None
    assert skipped.skipped and skipped.error is None


def test_record_has_the_options_of_its_own_task(tmp_path):
    rows = [ColorizeOptions(vividness=0.2, start=Fraction(1, 2)), ColorizeOptions(saturation=0.5)]
    error = InputError("broken")
    tasks = [Task("film", tmp_path / f"{n}.mp4", tmp_path / f"{n}.mkv", row)
             for n, row in enumerate(rows)]  # fmt: skip
    records = [make_record(TaskResult(task, error=error)) for task in tasks]
    assert [r.options for r in records] == [row.to_json() for row in rows]


def test_page_shows_the_frames_of_a_sequence(result, tmp_path):
    for n in range(12):
        Image.new("L", (64, 48), 40 + 8 * n).save(tmp_path / f"s_{n + 1:03d}.png")
    pattern = tmp_path / "s_%03d.png"
    sequence = film_record(replace(result, source=pattern), kind="sequence")
    write_report(tmp_path / "r.html", [sequence])
    page = Page((tmp_path / "r.html").read_text())
    assert len(page.all("img")) == 6 and "frame 2" in page.text
    lines = subprocess.run(
        "sha256sum s_*.png | sha256sum", cwd=tmp_path, shell=True, capture_output=True, check=True
    )
    assert sequence.source_sha256 == lines.stdout.decode().split()[0]


def test_previews_of_a_trimmed_film_show_the_same_frames_of_the_source(tmp_path):
    source = make_film(tmp_path / "whole.mp4", gray_ramp(12))
    target = make_film(tmp_path / "part.mp4", red_ramp(12)[6:9])
    options = ColorizeOptions(start=Fraction(6, 24), end=Fraction(9, 24))
    record = film_record(film_result(source, target), options)
    write_report(tmp_path / "r.html", [record])
    images = Page((tmp_path / "r.html").read_text()).all("img")
    levels = []
    for image in images[1::2]:
        data = base64.b64decode(image["src"].partition(",")[2])
        levels.append(Image.open(io.BytesIO(data)).getpixel((9, 9))[0])
    assert [round((v - 40) / 8) for v in levels] == [6, 7, 8]


def test_missing_source_has_no_digest(tmp_path):
    assert hash_media(tmp_path / "none.bin") is None
    assert hash_media(tmp_path) is None


def test_report_must_be_writable_and_have_a_supported_suffix(photo, tmp_path):
    with pytest.raises(UsageError, match=r"use \.json or \.html"):
        write_report(tmp_path / "r.txt", [photo])
    with pytest.raises(OutputError):
        write_report(tmp_path / "none" / "r.json", [photo])
    (tmp_path / "r.json").write_text("old")
    write_report(tmp_path / "r.json", [photo])
    assert not list(tmp_path.glob(".*")) and "old" not in (tmp_path / "r.json").read_text()
