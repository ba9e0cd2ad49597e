"""`vidcolor models`: what users see, and pictures and films colored by another's network."""

import json
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image

from tests.helpers.published import state_dict
from vidcolor.generators.store import download

SAMPLES = Path(__file__).parents[2] / "samples"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("VIDCOLOR_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "models"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("files") / "eccv16.pth"
    torch.save(state_dict("eccv16"), path)
    return path


def test_list_and_show(vidcolor):
    run = vidcolor("models", "list")
    assert run.code == 0
    text = "\n".join(run.out)
    assert all(name in text for name in ("embedded", "deoldify-video", "ddcolor-tiny", "MIT"))
    run = vidcolor("models", "show", "deoldify-stable")
    assert any("ca9cd7f43fb8b222" in line and "as others state it" in line for line in run.out)
    assert vidcolor("models", "show", "embedded").code == 0
    rows = [json.loads(line) for line in vidcolor("models", "list", "--json").out]
    assert {row["name"] for row in rows} >= {"embedded", "eccv16"}
    run = vidcolor("models", "show", "nosuch")
    assert run.code == 1 and "'nosuch' is unknown" in run.err[0]


def test_import_verify_path(vidcolor, checkpoint, home):
    run = vidcolor("models", "import", checkpoint, "--license", "X", "--non-commercial")
    assert run.code == 0 and "eccv16" in run.out[0]
    assert any("NON-COMMERCIAL USE ONLY" in line for line in vidcolor("models", "list").out)
    assert any("NON-COMMERCIAL" in line for line in vidcolor("models", "show", "eccv16").err)
    assert vidcolor("models", "path", "eccv16").out == [str(home / "eccv16.safetensors")]
    assert vidcolor("models", "verify").code == 0
    data = bytearray((home / "eccv16.safetensors").read_bytes())
    data[-9] ^= 64
    (home / "eccv16.safetensors").write_bytes(data)
    run = vidcolor("models", "verify")
    assert run.code == 1 and "damaged or replaced" in run.err[0]


def test_pull_without_a_network(vidcolor, home, monkeypatch):
    from vidcolor.generators.store import registry
    from vidcolor.generators.store.registry import Entry, Source

    source = Source("http://weights.invalid/w.pth", "0" * 64)
    entry = Entry("far", "eccv16", "Far", "films", "plain", "MIT", "https://x", (source,))
    monkeypatch.setattr(registry, "registry_entries", lambda: {"far": entry})
    run = vidcolor("models", "pull", "far")
    assert run.code == 1
    assert str(home / "far.pth") in run.err[0] and "0" * 64 in run.err[0]
    run = vidcolor("models", "pull", "nosuch")
    assert run.code == 2 and "no model that can be fetched" in run.err[0]


def test_what_is_kept_is_said_when_stopped(vidcolor, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(download, "pull", interrupted)
    run = vidcolor("models", "pull", "eccv16")
    assert run.code == 130
    kept = "what has come is kept, and the same command goes on from there"
    assert run.err == [f"vidcolor: stopped; {kept}"]


def test_a_malicious_file(vidcolor, tmp_path):
    class Evil:
        def __reduce__(self):
            return exec, ("raise SystemExit(99)",)

    torch.save({"model": Evil()}, tmp_path / "evil.pth")
    for words in (("models", "import"), ("colorize", SAMPLES / "photo.jpg", "--model")):
        run = vidcolor(*words, tmp_path / "evil.pth")
        assert run.code == 1 and "wants to run code" in run.err[0] and len(run.err) == 1


def test_a_photo_with_hints_by_a_network_that_takes_none(vidcolor, checkpoint, tmp_path):
    """The person's color is led through its object afterwards; the luma stays what it was."""
    rows = [{"x": 0.2, "y": 0.8, "color": "#2040ff", "radius": 0.03}]
    (tmp_path / "h.json").write_text(json.dumps(rows))
    words = ("colorize", SAMPLES / "photo.jpg", "--model", checkpoint)
    assert vidcolor(*words, "-o", "plain.png").code == 0
    assert vidcolor(*words, "-o", "told.png", "--hints", "h.json").code == 0
    plain, told = (np.asarray(Image.open(f"{name}.png"), float) for name in ("plain", "told"))
    bluer = (told - plain)[..., 2] - (told - plain)[..., 0]
    height, width = bluer.shape
    assert bluer[int(0.8 * height), int(0.2 * width)] > 60
    assert abs(bluer[: height // 8]).max() < 3


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--vividness", "0.5", "one vividness only"),
        ("--confidence", "c.png", "does not say how sure it is"),
        ("--size", "300", "multiple of 8"),
    ],
)
def test_what_it_cannot_do_is_refused(vidcolor, checkpoint, option, value, said):
    photo = SAMPLES / "photo.jpg"
    run = vidcolor("colorize", photo, "-o", "p.png", "--model", checkpoint, option, value)
    assert run.code == 2 and said in run.err[0]


def planes(path, first):
    with av.open(str(path)) as film:
        frames = [f for f, _ in zip(film.decode(video=0), range(first), strict=False)]
    return [f.to_ndarray(format=f.format.name) for f in frames]


def test_a_film(vidcolor, checkpoint, tmp_path):
    """Luma exact, color steady from frame to frame, and no confidence that nobody has."""
    words = ("colorize", SAMPLES / "reel.mkv", "--model", checkpoint, "--end", "1")
    run = vidcolor(*words, "--for", "archive", "-o", "out.mkv", "--report", "r.json")
    assert run.code == 0
    source, result = planes(SAMPLES / "reel.mkv", 25), planes(tmp_path / "out.mkv", 25)
    assert len(result) == 25
    with av.open(str(SAMPLES / "reel.mkv")) as film:
        height = film.streams.video[0].height
    for before, after in zip(source, result, strict=True):
        assert np.array_equal(before[:height], after[:height])
    chroma = np.array([frame[height:].mean() for frame in result])
    assert np.abs(np.diff(chroma)).max() < 0.5
    (record,) = json.loads((tmp_path / "r.json").read_text())["results"]
    assert record["doubts"] is None
