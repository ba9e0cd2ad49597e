"""Two films in one: time, sound, geometry, colors, refusals."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

from tests.helpers.tiny_films import TICKS, grays, make_film, reds
from vidcolor.errors import InputError, UsageError
from vidcolor.evaluation.compare import CompareOptions, compare, compare_films
from vidcolor.evaluation.layout import arrange, line_at, natural_width
from vidcolor.media.preview import DisplayReader

UNNAMED = ("", "")


def options(**values) -> CompareOptions:
    return CompareOptions(**{"names": UNNAMED, **values})


def frames_of(path):
    """Time in ticks and pixels of every frame."""
    film = DisplayReader(path)
    origin = (film.video.start_pts or 0) * film.video.time_base
    return [
        (round((s.time_s + origin) * TICKS), s.rgb(film.size).astype(int)) for s in film.frames()
    ]


def packets_of(path):
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        packets = [p for p in container.demux(stream) if p.size]
        return [bytes(p) for p in packets], [float(p.pts * p.time_base) for p in packets]


@pytest.fixture
def films(tmp_path):
    a = make_film(tmp_path / "a.mp4", grays(12), sound=True)
    return a, make_film(tmp_path / "b.mp4", reds(12), sound=True, matrix="smpte170m")


def number_in_a(pixel) -> int:
    return round((pixel[0] - 40) / 8)


def number_in_b(pixel) -> int:
    return round((pixel[0] - 100) / 8)


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_side_by_side_keeps_time_and_colors(films, tmp_path, suffix):
    out = tmp_path / f"both.{suffix}"
    done = compare(*films, out, options())
    frames = frames_of(out)
    assert done.num_pairs == len(frames) == 12
    assert done.size == (130, 48) and frames[0][1].shape == (48, 130, 3)
    slack = 24 if suffix == "mkv" else 0
    assert all(abs(t - 1000 * n) <= slack for n, (t, _) in enumerate(frames))
    for n, (_, seen) in enumerate(frames):
        assert np.abs(seen[24, 30] - 40 - 8 * n).max() <= 4
        assert np.abs(seen[24, 100] - (100 + 8 * n, 60, 50)).max() <= 5
    assert not done.warnings


def test_stacked_puts_a_above(films, tmp_path):
    compare_films(*films, tmp_path / "both.mp4", options(layout="stack"))
    _, seen = frames_of(tmp_path / "both.mp4")[3]
    assert seen.shape == (98, 64, 3)
    assert number_in_a(seen[20, 32]) == number_in_b(seen[80, 32]) == 3


def test_the_wipe_moves_with_a_left_and_b_right(films, tmp_path):
    compare_films(*films, tmp_path / "both.mp4", options(layout="wipe"))
    frames = frames_of(tmp_path / "both.mp4")
    assert frames[0][1].shape == (48, 64, 3)
    edges = []
    for _, seen in frames:
        reddish = seen[24, :, 0] - seen[24, :, 2] > 25
        edges.append(int(np.argmax(reddish)))
        assert not reddish[: edges[-1]].any() and reddish[edges[-1] + 2 :].all()
    assert edges[-1] > edges[0] + 8
    assert {line_at(t, 8.0) > 0.5 for t in (2.0, 6.0)} == {True, False}


def test_frames_are_paired_by_time_not_by_number(tmp_path):
    a = make_film(tmp_path / "a.mp4", grays(8))
    b = make_film(tmp_path / "b.mp4", reds(4), stamps=[0, 1500, 3000, 6000], origin=4000)
    compare_films(a, b, tmp_path / "both.mp4", options(end=Fraction(7000, TICKS)))
    pairs = [
        (number_in_a(s[24, 30]), number_in_b(s[24, 100]))
        for _, s in frames_of(tmp_path / "both.mp4")
    ]
    assert pairs == [(0, 0), (1, 0), (2, 1), (3, 2), (4, 2), (5, 2), (6, 3)]


def test_matroska_rounding_does_not_shift_frames(tmp_path):
    a = make_film(tmp_path / "a.mp4", grays(12), stamps=[1001 * n for n in range(12)])
    b = make_film(tmp_path / "b.mkv", reds(12), stamps=[1001 * n for n in range(12)])
    compare_films(a, b, tmp_path / "both.mp4", options())
    for n, (_, seen) in enumerate(frames_of(tmp_path / "both.mp4")):
        assert number_in_b(seen[24, 100]) == n


def test_sound_of_b_is_copied(films, tmp_path):
    compare_films(*films, tmp_path / "both.mp4", options())
    assert packets_of(tmp_path / "both.mp4") == packets_of(films[1])


def test_sound_of_a_if_b_is_silent(films, tmp_path):
    silent = make_film(tmp_path / "silent.mp4", reds(12))
    compare_films(films[0], silent, tmp_path / "both.mp4", options())
    assert packets_of(tmp_path / "both.mp4")[0] == packets_of(films[0])[0]


def test_a_span_begins_at_zero_with_its_sound(films, tmp_path):
    start, end = Fraction(4000, TICKS), Fraction(9000, TICKS)
    done = compare_films(*films, tmp_path / "part.mp4", options(start=start, end=end))
    frames = frames_of(tmp_path / "part.mp4")
    assert [t for t, _ in frames] == [0, 1000, 2000, 3000, 4000] and done.num_pairs == 5
    assert number_in_a(frames[0][1][24, 30]) == number_in_b(frames[0][1][24, 100]) == 4
    payload, times = packets_of(tmp_path / "part.mp4")
    whole, whole_times = packets_of(films[1])
    first = whole.index(payload[0])
    assert whole[first : first + len(payload)] == payload
    assert times[0] == pytest.approx(whole_times[first] - float(start), abs=1e-3)
    assert 0 <= times[0] < 0.03 and times[-1] < float(end - start)


def test_offset_lays_a_part_over_the_whole(films, tmp_path):
    part = make_film(tmp_path / "part.mp4", reds(12)[5:9])
    offset = Fraction(5000, TICKS)
    done = compare_films(films[0], part, tmp_path / "both.mp4", options(offset=offset))
    frames = frames_of(tmp_path / "both.mp4")
    assert [number_in_a(s[24, 30]) for _, s in frames] == [5, 6, 7, 8]
    assert [number_in_b(s[24, 100]) for _, s in frames] == [5, 6, 7, 8]
    assert not done.warnings


def test_other_sizes_are_scaled_to_the_shape_of_a(tmp_path):
    a = make_film(tmp_path / "a.mp4", grays(3), size=(62, 46), sar=Fraction(2, 1), rotation=90)
    b = make_film(tmp_path / "b.mp4", reds(3), size=(36, 100))
    done = compare_films(a, b, tmp_path / "both.mp4", options())
    assert done.size == (94, 124)  # 124x46 turned, twice, with a gap of 2; all even
    assert "stretched" in done.warnings[0]
    assert compare_films(a, b, tmp_path / "wide.mp4", options(width=400)).size[0] == 398


def test_panels_are_as_large_as_the_width_allows():
    for layout in ("side", "stack", "wipe"):
        for own in range(160, 2000, 34):
            natural = natural_width(layout, (own, own), 9999)
            assert arrange(layout, (own, own), natural).panel == (own, own)
            for width in range(natural, natural + 5):
                canvas = arrange(layout, (own, own), width).size
                assert width - 4 <= canvas[0] <= width and canvas[0] % 2 == canvas[1] % 2 == 0


def test_different_lengths_are_said_and_cut(films, tmp_path):
    short = make_film(tmp_path / "short.mp4", reds(6))
    done = compare_films(films[0], short, tmp_path / "both.mp4", options())
    assert done.num_pairs == 6
    assert "0:00.500" in done.warnings[0] and "--offset" in done.warnings[0]


def test_names_are_written_on_the_picture(films, tmp_path):
    a = make_film(tmp_path / "large.mp4", grays(2), size=(320, 160))
    compare_films(a, a, tmp_path / "named.mp4", CompareOptions(names=("Before", "")))
    _, seen = frames_of(tmp_path / "named.mp4")[0]
    assert seen[:40, :100].max() > 180 and seen[60:, :300].max() < 60
    assert seen[:, 330:].max() < 60


@pytest.mark.parametrize(
    ("out", "error", "says"),
    [
        ("both.gif", UsageError, ".mp4"),
        ("both", UsageError, ".png"),
        ("a.mp4", UsageError, "source itself"),
        ("there.mp4", UsageError, "--force"),
        ("no.mp4", UsageError, "no time in common"),
    ],
)
def test_refusals_are_one_line_and_leave_nothing(films, tmp_path, out, error, says):
    (tmp_path / "there.mp4").write_bytes(b"mine")
    offset = Fraction(100 if out == "no.mp4" else 0)
    before = sorted(p.name for p in tmp_path.iterdir())
    with pytest.raises(error) as caught:
        compare(*films, tmp_path / out, options(offset=offset))
    assert says in str(caught.value) and "\n" not in str(caught.value)
    assert sorted(p.name for p in tmp_path.iterdir()) == before
    assert (tmp_path / "there.mp4").read_bytes() == b"mine"


def test_missing_and_unlike_sources_are_refused(films, tmp_path):
    picture = tmp_path / "p.png"
    picture.touch()
    with pytest.raises(InputError, match="no such file"):
        compare(films[0], tmp_path / "none.mp4", tmp_path / "o.mp4")
    with pytest.raises(UsageError, match="like with like"):
        compare(films[0], picture, tmp_path / "o.mp4")
    with pytest.raises(UsageError, match="no film"):
        compare(picture, picture, tmp_path / "o.mp4")


def test_a_failure_on_the_way_leaves_no_file(films, tmp_path):
    def fail(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare(*films, tmp_path / "both.mp4", options(), progress=fail)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mp4", "b.mp4"]


@pytest.mark.parametrize(
    "values",
    [{"count": 0}, {"width": 10}, {"start": Fraction(-1)}, {"offset": Fraction(-1)},
     {"start": Fraction(2), "end": Fraction(1)}],
)  # fmt: skip
def test_senseless_options_are_refused(values):
    with pytest.raises(UsageError):
        CompareOptions(**values)
