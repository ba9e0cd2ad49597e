"""Fingerprints: which changes prevent the reuse of finished segments, and their descriptions."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from vidcolor.film.resume import (
    SourceFingerprint,
    compute_render_fingerprint,
    compute_source_fingerprint,
    describe_differences,
    find_saved_plan,
)
from vidcolor.film.workdir import PLAN_FILE, WorkDir
from vidcolor.options import ColorizeOptions


def fingerprint(colorizer, **options):
    options = ColorizeOptions(**options)
    provenance = colorizer.make_provenance(options)
    return compute_render_fingerprint(Path("out.mp4"), options, provenance, None, None)


def test_equal_requests_have_equal_fingerprints(flat):
    assert describe_differences(fingerprint(flat), fingerprint(flat)) == []


@pytest.mark.parametrize(
    "options", [{"workers": 3}, {"batch": 2}, {"force": True}, {"work_dir": Path("/scratch")}]
)
def test_options_that_do_not_change_the_result_are_ignored(flat, options):
    assert describe_differences(fingerprint(flat), fingerprint(flat, **options)) == []


def test_changed_options_are_named(flat):
    changed = fingerprint(flat, saturation=0.5, gray_from="red")
    assert describe_differences(fingerprint(flat), changed) == [
        "other options: gray-from, saturation"
    ]


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("weights", "the weights differ"),
        ("version", "the version of vidcolor differs"),
        ("libraries", "the version of torch, FFmpeg or OpenCV differs"),
        ("video_encoding", "the encoder settings differ"),
        ("target", "the output differs"),
        ("precision", "the precision differs"),
    ],
)
def test_other_differences_are_described(flat, key, message):
    saved = fingerprint(flat)
    assert describe_differences(replace(saved, **{key: "other"}), saved) == [message]


@pytest.mark.parametrize(
    ("saved", "reason"),
    [
        ('{"fingerprint": {"format": 2, "target": "out.mp4"}}', "the version of vidcolor differs"),
        ("{", r"\.vidcolor is damaged"),
        ('{"fingerprint": {}}', r"\.vidcolor is damaged"),
    ],
)
def test_plan_of_another_version_is_distinguished_from_a_damaged_one(flat, tmp_path, saved, reason):
    work = WorkDir(tmp_path / "out.mp4.vidcolor")
    with work.locked():
        (work.path / PLAN_FILE).write_text(saved)
        plan, reasons = find_saved_plan(work, fingerprint(flat), "auto")
        assert plan is None
        assert len(reasons) == 1
        assert re.search(reason, reasons[0])
        (work.path / PLAN_FILE).unlink()
        assert find_saved_plan(work, fingerprint(flat), "auto") == (None, [])


def test_source_fingerprint_covers_size_date_and_number_of_files(tmp_path):
    for number in (1, 2):
        (tmp_path / f"{number}.png").write_bytes(b"12345")
    film, sequence = tmp_path / "1.png", tmp_path / "%d.png"
    os.utime(film, ns=(7, 7))
    assert compute_source_fingerprint(film) == SourceFingerprint(1, 5, 7)
    values = compute_source_fingerprint(sequence)
    assert (values.num_files, values.size_bytes) == (2, 10)
    assert values == compute_source_fingerprint(tmp_path)
