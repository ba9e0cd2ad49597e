import re

import pytest

from tests.helpers.onnx_models import save_color_model
from vidcolor.errors import UsageError, WeightsError
from vidcolor.generators import load_generator
from vidcolor.generators.store import registry
from vidcolor.generators.store.architectures import ARCHITECTURES


@pytest.mark.parametrize("entry", registry.load_registry().values(), ids=lambda entry: entry.name)
def test_registry_entry_is_complete(entry):
    assert registry.validate_name(entry.name) == entry.name
    assert entry.architecture in (*ARCHITECTURES, "onnx")
    assert entry.license and entry.task and entry.style
    assert entry.project.startswith("https://")
    for source in entry.sources:
        assert source.url.startswith("https://") and source.suffix in registry.WEIGHTS_SUFFIXES
        assert source.sha256 is None or re.fullmatch("[0-9a-f]{64}", source.sha256)


def test_file_copied_by_hand_is_installed(cache):
    cache.mkdir(parents=True)
    save_color_model(cache / "deoldify-video.onnx", (1, 1))
    assert registry.list_installed() == {"deoldify-video": cache / "deoldify-video.onnx"}
    assert load_generator("deoldify-video", "cpu").name == "deoldify-video"
    model = registry.find_model("deoldify-video")
    assert (model.license, model.record) == ("MIT", None)


@pytest.mark.usefixtures("cache")
def test_unknown_model_is_rejected_with_a_list_of_models():
    with pytest.raises(WeightsError, match=r"unknown model 'deoldifi'.*deoldify-video"):
        registry.find_weights("deoldifi")
    with pytest.raises(WeightsError, match="unknown model"):
        registry.find_model("deoldifi")


@pytest.mark.usefixtures("cache")
def test_error_for_a_model_that_is_not_installed_contains_the_pull_command():
    with pytest.raises(WeightsError, match="not installed; run `vidcolor models pull ddcolor`"):
        registry.find_weights("ddcolor")


@pytest.mark.parametrize("name", ["embedded", "../up", "a b", "x.pth", "-x", "ä", ""])
def test_invalid_name_is_rejected(name):
    with pytest.raises(UsageError, match="name"):
        registry.validate_name(name)


def test_record_survives_a_round_trip(cache):
    cache.mkdir(parents=True)
    record = registry.CacheRecord("0" * 64, 3, "https://example.org/x.pth", license="MIT")
    registry.write_record(cache / "x.pth", record)
    assert registry.read_record(cache / "x.pth") == record
    registry.delete_record(cache / "x.pth")
    assert registry.read_record(cache / "x.pth") is None


def test_files_of_the_same_model_with_other_suffixes_are_deleted(cache):
    cache.mkdir(parents=True)
    for name in ("a.pth", "a.onnx", "b.pth"):
        (cache / name).touch()
    registry.delete_other_formats(cache / "a.onnx")
    assert sorted(path.name for path in cache.iterdir()) == ["a.onnx", "b.pth"]


def test_default_cache_is_in_the_cache_directory_of_the_platform(monkeypatch):
    monkeypatch.delenv(registry.CACHE_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert registry.cache_dir().name == "models" and "vidcolor" in str(registry.cache_dir())
