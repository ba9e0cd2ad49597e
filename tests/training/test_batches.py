"""Batches: drawn from their number alone; worn luma, true color, honest hints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.albums import colorful, make_album
from vidcolor.color.lab import gray_to_lightness, rgb_to_lab
from vidcolor.errors import UsageError
from vidcolor.training.batches import BatchStream, Draft, DrawOptions, true_ab
from vidcolor.training.dataset import gather_photographs
from vidcolor.training.degrade import STEPS, DegradeOptions, clean_gray, degraded_gray, to_codes
from vidcolor.training.hints import HintOptions, draw_hints

if TYPE_CHECKING:
    from vidcolor.training.cache import PhotographStore


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> PhotographStore:
    folder = tmp_path_factory.mktemp("album")
    return gather_photographs([make_album(folder / "a", 6)], folder / "cache", holdout=0).train


def tensors(draft: Draft) -> list[torch.Tensor]:
    return [draft.picture, draft.gray, draft.hint_ab, draft.density]


def same(a: Draft, b: Draft) -> bool:
    return all(torch.equal(x, y) for x, y in zip(tensors(a), tensors(b), strict=True))


def test_a_batch_follows_from_its_number(store: PhotographStore) -> None:
    options = DrawOptions(32, 2, seed=5)
    batches = [BatchStream(store, options).batch(n) for n in range(4)]
    with BatchStream(store, options).from_number(2, workers=2) as stream:
        ahead = [next(stream), next(stream)]
    assert all(same(a, b) for a, b in zip(batches[2:], ahead, strict=True))
    assert not same(batches[0], batches[1])
    assert not same(batches[0], BatchStream(store, DrawOptions(32, 2, seed=6)).batch(0))


def test_processes_share_each_pass(store: PhotographStore) -> None:
    # No crops and no mirrors to be told apart: the store is asked, instead of the pictures.
    asked: list[int] = []

    class Asked:
        def __len__(self) -> int:
            return len(store)

        def __getitem__(self, number: int) -> np.ndarray:
            asked.append(number)
            return store[number]

    for rank in range(3):
        stream = BatchStream(Asked(), DrawOptions(32, 2), rank=rank, world_size=3)  # type: ignore[arg-type]
        for number in range(2):
            stream.batch(number)
    assert sorted(asked) == sorted([*range(6)] * 2)  # two passes, each photograph once in each


def test_rehearsal_takes_its_share(store: PhotographStore) -> None:
    gray = np.full((64, 64, 3), 128, np.uint8)

    class Gray:
        def __len__(self) -> int:
            return 3

        def __getitem__(self, number: int) -> np.ndarray:
            return gray

    for size, rehearsed in ((8, 2), (2, 1)):  # a share of a small batch is one picture
        options = DrawOptions(32, size, rehearse_share=0.25)
        plain = BatchStream(store, DrawOptions(32, size - rehearsed)).batch(3)
        mixed = BatchStream(store, options, rehearsal=Gray()).batch(3)  # type: ignore[arg-type]
        assert torch.equal(mixed.picture[:-rehearsed], plain.picture)
        assert bool((mixed.picture[-rehearsed:] == 128).all())


def test_a_batch_decodes_to_what_the_network_takes(store: PhotographStore) -> None:
    draft = BatchStream(store, DrawOptions(64, 3, degrade=DegradeOptions(share=0))).batch(0)
    batch = draft.to(torch.device("cpu"))
    lightness, ab = rgb_to_lab(batch.picture)
    assert batch.picture.shape == (3, 3, 64, 64)
    assert batch.ab.shape == batch.hint_ab.shape == (3, 2, 16, 16)
    assert batch.density.shape == (3, 1, 16, 16)
    # Undegraded, the network sees the picture's own L*, to the rounding of 8 bits.
    assert float((batch.luma - lightness).abs().max()) < 0.7
    assert torch.allclose(batch.ab, torch.nn.functional.avg_pool2d(ab, 4), atol=1e-4)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), share=st.sampled_from([0.0, 1.0]))
def test_without_strength_nothing_wears(seed: int, share: float) -> None:
    rgb = colorful(seed % 7, (64, 64))
    options = DegradeOptions(share=share, strength=0)
    worn = degraded_gray(rgb, np.random.default_rng(seed), options)
    apart = np.abs(worn.astype(int) - to_codes(clean_gray(rgb)).astype(int))
    assert apart.max() <= (12 if share else 0)  # compression at its best still rounds


@pytest.mark.parametrize("step", [s for s, _ in STEPS], ids=lambda s: s.__name__)
def test_every_kind_of_wear_shows(step: object) -> None:
    gray = clean_gray(colorful(1, (96, 96)))
    changes = []
    for seed in range(8):
        worn = step(gray, np.random.default_rng(seed), 1.0)  # type: ignore[operator]
        again = step(gray, np.random.default_rng(seed), 1.0)  # type: ignore[operator]
        assert worn.shape == gray.shape
        assert np.isfinite(worn).all()
        assert np.array_equal(worn, again)
        changes.append(np.abs(worn - gray).mean())
    assert max(changes) > 0.002


def test_clean_gray_is_lightness() -> None:
    rgb = colorful(2, (32, 32))
    planes = torch.from_numpy(rgb).permute(2, 0, 1)[None].float() / 255
    seen = gray_to_lightness(torch.from_numpy(np.asarray(clean_gray(rgb), np.float32)))
    assert torch.allclose(seen, rgb_to_lab(planes)[0][0, 0], atol=0.05)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_hints_are_about_the_truth(seed: int) -> None:
    # Pale, or the mean of a spot on an edge would be far from both sides of it.
    ab = 0.15 * true_ab(colorful(seed % 5, (64, 64)))
    hints, density = draw_hints(ab, np.random.default_rng(seed), HintOptions(0.6, 0.4, 0.0))
    assert hints.shape == ab.shape
    assert density.shape == (1, 16, 16)
    assert 0 <= density.min() <= density.max() <= 1
    known = density[0] > 0
    assert known.any()
    assert not hints[:, ~known].any()


def test_hints_follow_the_truth() -> None:
    # Over many draws: one alone may be off by what it says of its density.
    pairs = []
    for seed in range(80):
        ab = true_ab(colorful(seed % 5, (64, 64)))
        hints, density = draw_hints(ab, np.random.default_rng(seed), HintOptions(0.6, 0.4, 0.0))
        pairs.append(np.stack([hints, ab])[..., density[0] > 0].reshape(2, -1))
    said, true = np.concatenate(pairs, axis=1)
    assert np.corrcoef(said, true)[0, 1] > 0.9


def test_hints_come_in_the_asked_shares() -> None:
    ab = true_ab(colorful(3, (64, 64)))
    rng = np.random.default_rng(0)
    drawn = [draw_hints(ab, rng, HintOptions(0.3, 0.2, 0.1))[1] for _ in range(600)]
    none = sum(not d.any() for d in drawn) / len(drawn)
    assert none == pytest.approx(0.4, abs=0.07)
    with pytest.raises(UsageError, match="add up"):
        HintOptions(0.6, 0.6, 0.0)
