"""A container or an encoder that is new to vidcolor needs a row and nothing else."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from vidcolor.batch.discover import discover
from vidcolor.errors import UsageError
from vidcolor.media.containers import CONTAINERS, Container, find_container
from vidcolor.media.encoders import ENCODERS, Encoder, Quirk
from vidcolor.options import ColorizeOptions


def test_new_container_is_found_in_folders_and_written(clip, colored, tmp_path, monkeypatch):
    folder = tmp_path / "reels"
    folder.mkdir()
    source = folder / "reel.3g2"
    source.write_bytes(clip("mp4", "libx264").read_bytes())
    with pytest.raises(UsageError, match=r"cannot write video to a \.3g2 file"):
        find_container(Path("reel.3g2"))
    row = Container(muxer="3g2", extensions=(".3g2",), purposes=("delivery",), edit_lists=True)
    monkeypatch.setitem(CONTAINERS, "3g2", row)

    (task,) = discover([folder], None, None, ColorizeOptions())
    assert task.kind == "film" and task.source == source
    assert task.target.name == "reel.3g2"  # a result for delivery keeps the container

    film = colored(source, "3g2")
    assert film.result.plan.encoder.muxer == "3g2"
    assert film.after.properties["size"] == film.before.properties["size"]
    film.assert_same_times()


@pytest.mark.parametrize("encoder", ["libx264", "libx265"])
def test_packets_are_complete_in_containers_without_global_header(
    clip, colored, monkeypatch, encoder
):
    row = Container(muxer="mpegts", extensions=(".ts",))
    monkeypatch.setitem(CONTAINERS, "mpegts", row)
    film = colored(clip(size=(96, 96)), "ts", encoder=encoder)
    assert len(film.after.frames) == len(film.before.frames)


def test_new_encoder_is_chosen_with_its_options(clip, colored, monkeypatch):
    median = Quirk(lambda video, container, layout: video.width > 64, {"pred": "median"}, "Test.")
    encoder = Encoder(name="magicyuv", options={"pred": "gradient"}, quirks=(median,))
    monkeypatch.setitem(ENCODERS, "magicyuv", encoder)
    row = Container(muxer="nut", extensions=(".nut",), encoders=("magicyuv",))
    monkeypatch.setitem(CONTAINERS, "nut", row)

    film = colored(clip(), "nut")
    plan = film.result.plan.encoder
    assert (plan.encoder, plan.options) == ("magicyuv", {"pred": "median"})
    film.assert_same_luma()
    assert len(film.after.frames) == len(film.before.frames)


@pytest.mark.parametrize("purpose", ["delivery", "editing", "archive"])
def test_every_purpose_has_a_default_container_and_encoder(purpose):
    assert any(purpose in c.purposes and c.extensions for c in CONTAINERS.values())
    assert any(purpose in e.purposes for e in ENCODERS.values())


def test_rows_refer_to_existing_rows():
    for container in CONTAINERS.values():
        assert set(container.encoders) <= set(ENCODERS)
        assert all(CONTAINERS[muxer].extensions for muxer in container.segment_muxers)


@pytest.mark.parametrize(
    ("muxer", "tag", "code"),
    [
        ("mp4", "pt-BR", "por"),
        ("mp4", "de", "deu"),
        ("mp4", "ger", "ger"),
        ("mov", "de", "ger"),
        ("mov", "zh-Hans", "chi"),
        ("mov", "eng", "eng"),
        ("matroska", "pt-BR", "pt-BR"),
    ],
)
def test_language_is_converted_to_a_code_that_the_muxer_supports(muxer, tag, code):
    assert CONTAINERS[muxer].convert_language(tag) == code


@pytest.mark.parametrize(
    ("suffix", "tag", "stored", "warning"),
    [
        ("mp4", "pt-BR", "por", "pt-BR (stored as por)"),
        ("mov", "zh-Hant", "chi", "zh-Hant (stored as chi)"),
        ("mov", "yue", "und", "completely: yue"),
        ("mxf", "deu", "und", "completely: deu"),
        ("mp4", "yue", "yue", None),
        ("mkv", "pt-BR", "pt-BR", None),
    ],
)
def test_language_is_kept_or_named(clip, colored, suffix, tag, stored, warning):
    source = clip("mkv", "ffv1", "yuv420p", "-metadata:s:v:0", f"language={tag}", rate=Fraction(25))
    film = colored(source, suffix, purpose="editing" if suffix == "mxf" else "delivery")
    assert film.after.properties["language"] == stored
    warnings = " ".join(w for w in film.result.warnings if "languages" in w)
    assert (warning or "") in warnings
    assert bool(warning) == bool(warnings)
