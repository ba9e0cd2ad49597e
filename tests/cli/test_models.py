"""`vidcolor models`, and `vidcolor colorize` with other models than the embedded one."""

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image

from tests.helpers.caffe_models import empty_layers, write_caffe_model
from tests.helpers.films import read_planes
from tests.helpers.onnx_models import save_color_model
from tests.helpers.published import eccv16_state_dict
from tests.helpers.torch_threads import torch_threads
from vidcolor.generators import load_generator
from vidcolor.generators.store import download, registry
from vidcolor.generators.store.registry import DownloadSource, RegistryEntry

SAMPLES = Path(__file__).parents[2] / "samples"
PHOTO = SAMPLES / "photo.jpg"
REEL = SAMPLES / "reel.mkv"


@pytest.fixture(scope="module", autouse=True)
def single_torch_thread():
    with torch_threads(1):
        yield


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The directory of installed weights; empty, and created on first use."""
    monkeypatch.setenv(registry.CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache" / "models"


@pytest.fixture
def onnx_file(tmp_path):
    """A small model that does not accept hints."""
    return save_color_model(tmp_path / "small.onnx", (30, 20))


def test_list_prints_all_models(vidcolor):
    run = vidcolor("models", "list")
    assert run.code == 0
    text = "\n".join(run.out)
    assert all(name in text for name in ("embedded", "deoldify-video", "ddcolor-tiny", "MIT"))
    models = [json.loads(line) for line in vidcolor("models", "list", "--json").out]
    assert {model["name"] for model in models} >= {"embedded", "eccv16"}
    assert all(model["style"] for model in models)


def test_show_prints_license_source_and_digest(vidcolor):
    text = "\n".join(vidcolor("models", "show", "deoldify-stable").out)
    assert "published SHA-256: ca9cd7f43fb8b222" in text
    assert "MIT" in text and "https://www.dropbox.com/" in text
    assert vidcolor("models", "show", "embedded").code == 0


def test_show_rejects_an_unknown_model(vidcolor):
    run = vidcolor("models", "show", "nosuch")
    assert run.code == 1 and "unknown model 'nosuch'" in run.err[0]


def test_imported_model_is_listed_with_its_license(vidcolor, onnx_file, cache):
    run = vidcolor("models", "import", onnx_file, "--license", "X", "--non-commercial")
    assert run.code == 0 and str(cache / "small.onnx") in run.out[0]
    assert any("X, NON-COMMERCIAL USE ONLY" in line for line in vidcolor("models", "list").out)
    assert any("NON-COMMERCIAL" in line for line in vidcolor("models", "show", "small").err)
    assert vidcolor("models", "path", "small").out == [str(cache / "small.onnx")]


def test_import_accepts_the_british_spelling_of_license(vidcolor, onnx_file):
    assert vidcolor("models", "import", onnx_file, "--licence", "MIT").code == 0
    (line,) = vidcolor("models", "show", "small", "--json").out
    assert json.loads(line)["license"] == "MIT"


def test_verify_detects_a_damaged_file(vidcolor, onnx_file, cache):
    vidcolor("models", "import", onnx_file)
    run = vidcolor("models", "verify")
    assert run.code == 0
    assert [line.split(";")[0] for line in run.out] == [
        "embedded: ok",
        "small: ok (digest recorded at installation)",
    ]
    data = bytearray((cache / "small.onnx").read_bytes())
    data[-9] ^= 64
    (cache / "small.onnx").write_bytes(data)
    run = vidcolor("models", "verify")
    assert run.code == 1 and "damaged or replaced" in run.err[0]


def test_error_of_a_failed_download_has_manual_instructions(vidcolor, cache, monkeypatch):
    source = DownloadSource("http://weights.invalid/w.pth", "0" * 64)
    entry = RegistryEntry("far", "eccv16", "Far", "films", "plain", "MIT", "https://x", (source,))
    monkeypatch.setattr(registry, "load_registry", lambda: {"far": entry})
    run = vidcolor("models", "pull", "far")
    assert run.code == 1
    assert str(cache / "far.pth") in run.err[0] and "0" * 64 in run.err[0]


def test_pull_rejects_an_unknown_model(vidcolor):
    run = vidcolor("models", "pull", "nosuch")
    assert run.code == 2 and "unknown model 'nosuch'" in run.err[0]


def test_interrupted_download_can_be_resumed(vidcolor, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(download, "pull_weights", interrupt)
    run = vidcolor("models", "pull", "eccv16")
    assert run.code == 130
    assert "the partial download is kept; run the same command again to resume" in run.err[0]


@pytest.mark.slow
def test_exported_file_gives_the_same_color_in_onnx_runtime(vidcolor, tmp_path):
    options = ("--size", "64", "--fixed", "--vividness", "0.2")
    run = vidcolor("models", "export", "embedded", "out.onnx", *options)
    assert run.code == 0 and "maximum difference from torch" in run.out[-1]
    exported, original = (
        load_generator(model, "cpu", "fp32", 64) for model in ("out.onnx", "embedded")
    )
    assert exported.has_confidence and not exported.has_vividness
    luma = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(3)) * 100
    expected, actual = original(luma, vividness=0.2), exported(luma)
    assert float((expected.ab - actual.ab).abs().max()) < 0.05
    assert float((expected.confidence - actual.confidence).abs().max()) < 1e-3

    session = onnxruntime.InferenceSession(tmp_path / "out.onnx")
    assert [image.shape for image in session.get_inputs()] == [[1, 1, 64, 64]]
    (output,) = session.run(["color"], {"image": luma.numpy()})
    assert output.shape == (1, 3, 16, 16)


def test_export_does_not_overwrite_a_file(vidcolor, tmp_path):
    (tmp_path / "out.onnx").write_bytes(b"content")
    run = vidcolor("models", "export", "embedded", "out.onnx")
    assert run.code == 2 and "out.onnx" in run.err[0] and "--force" in run.err[0]
    assert (tmp_path / "out.onnx").read_bytes() == b"content"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("embedded", "out.pth"), "out.pth: must end in .onnx"),
        (("small.onnx", "out.onnx"), "only single torch models"),
        (("small.onnx", "out.onnx", "--vividness", "0.5"), "does not support --vividness"),
    ],
)
@pytest.mark.usefixtures("onnx_file")
def test_unsupported_export_is_rejected(vidcolor, tmp_path, arguments, message):
    run = vidcolor("models", "export", *arguments)
    assert run.code == 2 and message in run.err[0]
    assert not list(tmp_path.glob("out.*"))


@pytest.mark.parametrize("arguments", [("models", "import"), ("colorize", PHOTO, "--model")])
def test_checkpoint_that_runs_code_is_rejected(vidcolor, tmp_path, arguments):
    class Malicious:
        def __reduce__(self):
            return exec, ("raise SystemExit(99)",)

    torch.save({"model": Malicious()}, tmp_path / "evil.pth")
    run = vidcolor(*arguments, tmp_path / "evil.pth")
    assert run.code == 1 and "would run code" in run.err[0] and len(run.err) == 1


@pytest.mark.parametrize(
    ("name", "content", "options", "message"),
    [
        ("m.caffemodel", None, (), "needs its color bins; copy pts_in_hull.npy beside it"),
        ("m.caffemodel", None, ("--bins", "x.npy"), "x.npy: no such file"),
        ("m.caffemodel", b"\xa2\x06\x05abc", (), "damaged or truncated Caffe model"),
        ("m.prototxt", b'name: "LtoAB"\n', (), "use the .caffemodel file"),
        ("m.onnx", b"\x08\x07", ("--bins", "x.npy"), "--bins applies to Caffe models"),
    ],
)
def test_incomplete_caffe_model_is_refused(vidcolor, tmp_path, name, content, options, message):
    if content is None:
        write_caffe_model(tmp_path / name, empty_layers())
    else:
        (tmp_path / name).write_bytes(content)
    for command in (("models", "import", tmp_path / name), ("colorize", PHOTO, "--model", name)):
        run = vidcolor(*command, *options)
        (line,) = [line for line in run.err if not line.startswith("warning")]
        assert run.code in (1, 2) and message in line
        assert not list(tmp_path.glob("*.jpg"))


@pytest.mark.slow
def test_hint_is_applied_to_a_model_without_hint_input(vidcolor, onnx_file, tmp_path):
    """The hint is applied after the prediction, and affects its object only."""
    hints = [{"x": 0.2, "y": 0.8, "color": "#2040ff", "radius": 0.03}]
    (tmp_path / "h.json").write_text(json.dumps(hints))
    arguments = ("colorize", PHOTO, "--model", onnx_file)
    assert vidcolor(*arguments, "-o", "plain.png").code == 0
    assert vidcolor(*arguments, "-o", "hinted.png", "--hints", "h.json").code == 0
    plain, hinted = (np.asarray(Image.open(f"{name}.png"), float) for name in ("plain", "hinted"))
    change = (hinted - plain)[..., 2] - (hinted - plain)[..., 0]
    height, width = change.shape
    assert change[int(0.8 * height), int(0.2 * width)] > 60
    assert abs(change[: height // 8]).max() < 3


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--vividness", "0.5", "does not support vividness"),
        ("--confidence", "c.png", "does not estimate confidence"),
        ("--size", "300", "--size must be a multiple of 32"),
    ],
)
def test_unsupported_option_is_rejected(vidcolor, onnx_file, option, value, message):
    run = vidcolor("colorize", PHOTO, "-o", "p.png", "--model", onnx_file, option, value)
    assert run.code == 2 and message in run.err[0]


@pytest.mark.slow
def test_film_with_another_model_has_exact_luma_and_stable_color(vidcolor, tmp_path):
    torch.save(eccv16_state_dict(), tmp_path / "eccv16.pth")
    arguments = ("colorize", REEL, "--model", "eccv16.pth", "--size", "128", "--end", "1")
    run = vidcolor(*arguments, "--for", "archive", "-o", "out.mkv", "--report", "r.json")
    assert run.code == 0
    source, result = read_planes(REEL)[:25], read_planes(tmp_path / "out.mkv")
    assert len(result) == 25
    for before, after in zip(source, result, strict=True):
        assert np.array_equal(before[0], after[0])
    chroma = np.array([np.mean(frame[1:]) for frame in result])
    assert np.abs(np.diff(chroma)).max() < 0.5
    (record,) = json.loads((tmp_path / "r.json").read_text())["results"]
    assert record["uncertainty"] is None  # the model has no confidence
