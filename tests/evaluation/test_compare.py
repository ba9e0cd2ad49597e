"""Videos that show two films: time, audio, geometry, colors and errors."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

from tests.helpers.tiny_films import TICKS, gray_ramp, make_film, red_ramp
from vidcolor.errors import InputError, UsageError
from vidcolor.evaluation.compare import compare, compare_films
from vidcolor.evaluation.options import CompareOptions
from vidcolor.media.preview import DisplayReader


def options_without_labels(**values) -> CompareOptions:
    return CompareOptions(**{"names": ("", ""), **values})


def read_frames(path):
    """Return the time in ticks and the pixels of every frame."""
    film = DisplayReader(path)
    origin = (film.video.start_pts or 0) * film.video.time_base
    return [
        (round((frame.time_s + origin) * TICKS), frame.rgb(film.size).astype(int))
        for frame in film.frames()
    ]


def read_audio_packets(path):
    """Return the payloads and the times in seconds of all audio packets."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        packets = [p for p in container.demux(stream) if p.size]
        return [bytes(p) for p in packets], [float(p.pts * p.time_base) for p in packets]


def gray_frame_number(pixel) -> int:
    return round((pixel[0] - 40) / 8)


def red_frame_number(pixel) -> int:
    return round((pixel[0] - 100) / 8)


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_side_by_side_keeps_time_and_colors(films, tmp_path, suffix):
    out = tmp_path / f"both.{suffix}"
    comparison = compare(*films, out, options_without_labels())
    frames = read_frames(out)
    assert comparison.num_pairs == len(frames) == 12
    assert comparison.size == (130, 48)
    assert frames[0][1].shape == (48, 130, 3)
    tolerance = 24 if suffix == "mkv" else 0  # Matroska rounds to 1 ms
    assert all(abs(time - 1000 * n) <= tolerance for n, (time, _) in enumerate(frames))
    for n, (_, rgb) in enumerate(frames):
        assert np.abs(rgb[24, 30] - 40 - 8 * n).max() <= 4
        assert np.abs(rgb[24, 100] - (100 + 8 * n, 60, 50)).max() <= 5
    assert not comparison.warnings


def test_stack_puts_a_above_b(films, tmp_path):
    compare_films(*films, tmp_path / "both.mp4", options_without_labels(layout="stack"))
    _, rgb = read_frames(tmp_path / "both.mp4")[3]
    assert rgb.shape == (98, 64, 3)
    assert gray_frame_number(rgb[20, 32]) == red_frame_number(rgb[80, 32]) == 3


def test_wipe_moves_right_with_a_left_and_b_right(films, tmp_path):
    compare_films(*films, tmp_path / "both.mp4", options_without_labels(layout="wipe"))
    frames = read_frames(tmp_path / "both.mp4")
    assert frames[0][1].shape == (48, 64, 3)
    positions = []
    for _, rgb in frames:
        is_red = rgb[24, :, 0] - rgb[24, :, 2] > 25
        positions.append(int(np.argmax(is_red)))
        assert not is_red[: positions[-1]].any()
        assert is_red[positions[-1] + 2 :].all()
    assert positions[-1] > positions[0] + 8


def test_frames_are_paired_by_time(tmp_path):
    a = make_film(tmp_path / "a.mp4", gray_ramp(8))
    b = make_film(tmp_path / "b.mp4", red_ramp(4), pts=[0, 1500, 3000, 6000], first_pts=4000)
    options = options_without_labels(end=Fraction(7000, TICKS))
    compare_films(a, b, tmp_path / "both.mp4", options)
    pairs = [
        (gray_frame_number(rgb[24, 30]), red_frame_number(rgb[24, 100]))
        for _, rgb in read_frames(tmp_path / "both.mp4")
    ]
    assert pairs == [(0, 0), (1, 0), (2, 1), (3, 2), (4, 2), (5, 2), (6, 3)]


def test_matroska_rounding_does_not_shift_frames(tmp_path):
    pts = [1001 * n for n in range(12)]
    a = make_film(tmp_path / "a.mp4", gray_ramp(12), pts=pts)
    b = make_film(tmp_path / "b.mkv", red_ramp(12), pts=pts)
    compare_films(a, b, tmp_path / "both.mp4", options_without_labels())
    for n, (_, rgb) in enumerate(read_frames(tmp_path / "both.mp4")):
        assert red_frame_number(rgb[24, 100]) == n


def test_audio_of_b_is_copied(films, tmp_path):
    compare_films(*films, tmp_path / "both.mp4", options_without_labels())
    assert read_audio_packets(tmp_path / "both.mp4") == read_audio_packets(films[1])


def test_audio_of_a_is_copied_if_b_has_none(films, tmp_path):
    silent = make_film(tmp_path / "silent.mp4", red_ramp(12))
    compare_films(films[0], silent, tmp_path / "both.mp4", options_without_labels())
    assert read_audio_packets(tmp_path / "both.mp4")[0] == read_audio_packets(films[0])[0]


def test_range_starts_at_zero_with_its_audio(films, tmp_path):
    start, end = Fraction(4000, TICKS), Fraction(9000, TICKS)
    options = options_without_labels(start=start, end=end)
    comparison = compare_films(*films, tmp_path / "part.mp4", options)
    frames = read_frames(tmp_path / "part.mp4")
    assert [time for time, _ in frames] == [0, 1000, 2000, 3000, 4000]
    assert comparison.num_pairs == 5
    first_rgb = frames[0][1]
    assert gray_frame_number(first_rgb[24, 30]) == red_frame_number(first_rgb[24, 100]) == 4
    payloads, times = read_audio_packets(tmp_path / "part.mp4")
    all_payloads, all_times = read_audio_packets(films[1])
    first = all_payloads.index(payloads[0])
    assert all_payloads[first : first + len(payloads)] == payloads
    assert times[0] == pytest.approx(all_times[first] - float(start), abs=1e-3)
    assert 0 <= times[0] < 0.03
    assert times[-1] < float(end - start)


def test_offset_aligns_a_part_with_the_whole_film(films, tmp_path):
    part = make_film(tmp_path / "part.mp4", red_ramp(12)[5:9])
    options = options_without_labels(offset=Fraction(5000, TICKS))
    comparison = compare_films(films[0], part, tmp_path / "both.mp4", options)
    frames = read_frames(tmp_path / "both.mp4")
    assert [gray_frame_number(rgb[24, 30]) for _, rgb in frames] == [5, 6, 7, 8]
    assert [red_frame_number(rgb[24, 100]) for _, rgb in frames] == [5, 6, 7, 8]
    assert not comparison.warnings


def test_b_is_scaled_to_the_display_size_of_a(tmp_path):
    a = make_film(tmp_path / "a.mp4", gray_ramp(3), size=(62, 46), sar=Fraction(2, 1), rotation=90)
    b = make_film(tmp_path / "b.mp4", red_ramp(3), size=(36, 100))
    comparison = compare_films(a, b, tmp_path / "both.mp4", options_without_labels())
    assert comparison.size == (94, 124)  # 124x46 rotated, twice, with a gap of 2
    assert "stretched" in comparison.warnings[0]
    wide = compare_films(a, b, tmp_path / "wide.mp4", options_without_labels(width=400))
    assert wide.size[0] == 398


def test_different_durations_give_a_warning_and_only_the_overlap(films, tmp_path):
    short = make_film(tmp_path / "short.mp4", red_ramp(6))
    comparison = compare_films(films[0], short, tmp_path / "both.mp4", options_without_labels())
    assert comparison.num_pairs == 6
    assert "0:00.500" in comparison.warnings[0]
    assert "--offset" in comparison.warnings[0]


def test_labels_are_drawn_in_the_top_left_corner(tmp_path):
    film = make_film(tmp_path / "large.mp4", gray_ramp(1), size=(320, 160))
    compare_films(film, film, tmp_path / "labels.mp4", CompareOptions(names=("Before", "")))
    _, rgb = read_frames(tmp_path / "labels.mp4")[0]
    assert rgb[:40, :100].max() > 180
    assert rgb[60:, :300].max() < 60
    assert rgb[:, 330:].max() < 60


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("both.gif", ".mp4"),
        ("both", ".png"),
        ("existing.mp4", "--force"),
        ("no-overlap.mp4", "no time in common"),
    ],
)
def test_usage_errors_are_one_line_and_leave_no_file(films, tmp_path, out, message):
    existing = tmp_path / "existing.mp4"
    existing.write_bytes(b"mine")
    offset = Fraction(100 if out == "no-overlap.mp4" else 0)
    with pytest.raises(UsageError) as caught:
        compare(*films, tmp_path / out, options_without_labels(offset=offset))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == [existing]
    assert existing.read_bytes() == b"mine"


def test_source_is_not_overwritten(films):
    with pytest.raises(UsageError):
        compare(*films, films[0], options_without_labels(force=True))


def test_missing_or_mixed_sources_are_errors(films, tmp_path):
    photo = tmp_path / "p.png"
    photo.touch()
    with pytest.raises(InputError, match="no such file"):
        compare(films[0], tmp_path / "none.mp4", tmp_path / "o.mp4")
    with pytest.raises(UsageError, match="compare only films or only photos"):
        compare(films[0], photo, tmp_path / "o.mp4")
    with pytest.raises(UsageError, match="photos do not make a video"):
        compare(photo, photo, tmp_path / "o.mp4")


def test_interrupted_comparison_leaves_no_file(films, tmp_path):
    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare(*films, tmp_path / "both.mp4", options_without_labels(), progress=interrupt)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"count": 0}, "--count must be in"),
        ({"width": 10}, "--width must be in"),
        ({"start": Fraction(-1)}, "--start must be 0 or more"),
        ({"offset": Fraction(-1)}, "--offset must not be negative"),
        ({"start": Fraction(2), "end": Fraction(1)}, "--end must be after --start"),
    ],
)
def test_invalid_options_are_errors(values, message):
    with pytest.raises(UsageError, match=message):
        CompareOptions(**values)


def test_equal_file_names_are_prefixed_with_their_folders(tmp_path):
    a, b = tmp_path / "in" / "x.mp4", tmp_path / "out" / "x.mp4"
    assert CompareOptions().get_names(a, b) == ("in/x.mp4", "out/x.mp4")
    assert CompareOptions().get_names(a, tmp_path / "y.mp4") == ("x.mp4", "y.mp4")


@pytest.mark.parametrize(("layout", "size"), [("side", (196, 48)), ("stack", (64, 148))])
def test_three_films_are_shown_over_their_common_time(films, tmp_path, layout, size):
    third = make_film(tmp_path / "c.mp4", red_ramp(8))
    out = tmp_path / "three.mp4"
    comparison = compare(*films, out, options_without_labels(layout=layout), c=third)
    assert (comparison.size, comparison.num_pairs) == (size, 8)
    _, rgb = read_frames(out)[5]
    # The label of A is at its left edge.
    places = [(6, 60), (6, 126), (6, 192)] if layout == "side" else [(6, 60), (56, 60), (106, 60)]
    assert gray_frame_number(rgb[places[0]]) == 5
    assert red_frame_number(rgb[places[1]]) == red_frame_number(rgb[places[2]]) == 5
    assert any("and C " in warning for warning in comparison.warnings)
    sheet = compare(*films, tmp_path / "three.png", CompareOptions(count=2), c=third)
    assert (sheet.kind, sheet.num_pairs) == ("sheet", 2)


def test_a_wipe_shows_two_sources(films, tmp_path):
    with pytest.raises(UsageError, match="wipe shows two sources; use side or stack"):
        compare(*films, tmp_path / "o.mp4", CompareOptions(layout="wipe"), c=films[0])
