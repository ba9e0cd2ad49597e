"""Batches: determinism, degraded luma, true color and simulated hints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.albums import colorful, make_album
from vidcolor.color.lab import gray_to_lightness, rgb_to_lab
from vidcolor.training.batches import ColorBatchStream, PackedBatch, downsample_ab
from vidcolor.training.dataset import build_dataset
from vidcolor.training.degrade import STEPS, degrade, rgb_to_gray, to_codes
from vidcolor.training.hints import draw_hints

if TYPE_CHECKING:
    from vidcolor.training.dataset import PhotoStore


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> PhotoStore:
    folder = tmp_path_factory.mktemp("album")
    return build_dataset([make_album(folder / "a", 6)], folder / "cache", holdout=0).train


def are_equal(a: PackedBatch, b: PackedBatch) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.slow
def test_batch_depends_only_on_its_number(store: PhotoStore) -> None:
    stream = ColorBatchStream(store=store, size=32, batch=2, seed=5)
    batches = [stream[n] for n in range(3)]
    with stream.iterate_from(1, workers=2) as prefetching:
        prefetched = [next(prefetching), next(prefetching)]  # one from each worker
    assert all(are_equal(a, b) for a, b in zip(batches[1:], prefetched, strict=True))
    assert not are_equal(batches[0], batches[1])
    assert not are_equal(batches[0], ColorBatchStream(store=store, size=32, batch=2, seed=6)[0])


def test_processes_draw_every_photograph_once_per_epoch(store: PhotoStore) -> None:
    # The test records the indices, because crops and flips change the pixels.
    requested: list[int] = []

    class RecordingStore:
        def __len__(self) -> int:
            return len(store)

        def __getitem__(self, number: int) -> np.ndarray:
            requested.append(number)
            return store[number]

    for rank in range(3):
        recording = RecordingStore()
        stream = ColorBatchStream(store=recording, size=32, batch=2, rank=rank, world_size=3)  # type: ignore[arg-type]
        for number in range(2):
            stream[number]
    assert sorted(requested) == sorted([*range(6)] * 2)  # two epochs


def test_replay_photographs_have_their_share(store: PhotoStore) -> None:
    gray = np.full((64, 64, 3), 128, np.uint8)

    class GrayStore:
        def __len__(self) -> int:
            return 3

        def __getitem__(self, number: int) -> np.ndarray:
            return gray

    for size, num_replay in ((8, 2), (2, 1)):  # at least one image of a small batch
        plain = ColorBatchStream(store=store, size=32, batch=size - num_replay)[3]
        replay = GrayStore()
        mixed = ColorBatchStream(store=store, size=32, batch=size, replay=replay)[3]  # type: ignore[arg-type]
        assert torch.equal(mixed.image[:-num_replay], plain.image)
        assert bool((mixed.image[-num_replay:] == 128).all())


def test_packed_batch_decodes_to_network_inputs(store: PhotoStore) -> None:
    packed = ColorBatchStream(store=store, size=64, batch=3, degraded_share=0)[0]
    batch = packed.to(torch.device("cpu"))
    lightness, ab = rgb_to_lab(batch.image)
    assert batch.image.shape == (3, 3, 64, 64)
    assert batch.ab.shape == batch.hint_ab.shape == (3, 2, 16, 16)
    assert batch.density.shape == (3, 1, 16, 16)
    # Without degradation the input is the L* of the image, up to 8-bit rounding.
    assert float((batch.luma - lightness).abs().max()) < 0.7
    assert torch.allclose(batch.ab, torch.nn.functional.avg_pool2d(ab, 4), atol=1e-4)


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32), share=st.sampled_from([0.0, 1.0]))
def test_strength_0_does_not_degrade(seed: int, share: float) -> None:
    rgb = colorful(seed % 7, (64, 64))
    degraded = degrade(rgb, np.random.default_rng(seed), share, strength=0)
    difference = np.abs(degraded.astype(int) - to_codes(rgb_to_gray(rgb)).astype(int))
    assert difference.max() <= (12 if share else 0)  # JPEG at maximum quality still rounds


@pytest.mark.parametrize("step", [s for s, _ in STEPS], ids=lambda s: s.__name__)
def test_every_degradation_changes_the_image(step: object) -> None:
    gray = rgb_to_gray(colorful(1, (96, 96)))
    changes = []
    for seed in range(8):
        degraded = step(gray, np.random.default_rng(seed), 1.0)  # type: ignore[operator]
        again = step(gray, np.random.default_rng(seed), 1.0)  # type: ignore[operator]
        assert degraded.shape == gray.shape
        assert np.isfinite(degraded).all()
        assert np.array_equal(degraded, again)
        changes.append(np.abs(degraded - gray).mean())
    assert max(changes) > 0.002


def test_gray_of_panchromatic_film_has_the_lightness_of_the_photograph() -> None:
    rgb = colorful(2, (32, 32))
    planes = torch.from_numpy(rgb).permute(2, 0, 1)[None].float() / 255
    lightness = gray_to_lightness(torch.from_numpy(np.asarray(rgb_to_gray(rgb), np.float32)))
    assert torch.allclose(lightness, rgb_to_lab(planes)[0][0, 0], atol=0.05)


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32))
def test_hints_have_valid_density(seed: int) -> None:
    # Pale colors, because the mean of a point on an edge is far from both sides.
    ab = 0.15 * downsample_ab(colorful(seed % 5, (64, 64)))
    hints, density = draw_hints(ab, np.random.default_rng(seed), (0.6, 0.4, 0.0))
    assert hints.shape == ab.shape
    assert density.shape == (1, 16, 16)
    assert 0 <= density.min() <= density.max() <= 1
    hinted = density[0] > 0
    assert hinted.any()
    assert not hints[:, ~hinted].any()


def test_hints_correlate_with_the_true_color() -> None:
    # Many samples, because a single hint with low density may have a large error.
    pairs = []
    for seed in range(80):
        ab = downsample_ab(colorful(seed % 5, (64, 64)))
        hints, density = draw_hints(ab, np.random.default_rng(seed), (0.6, 0.4, 0.0))
        pairs.append(np.stack([hints, ab])[..., density[0] > 0].reshape(2, -1))
    drawn, true = np.concatenate(pairs, axis=1)
    assert np.corrcoef(drawn, true)[0, 1] > 0.9


def test_hint_types_have_the_requested_shares() -> None:
    ab = downsample_ab(colorful(3, (64, 64)))
    rng = np.random.default_rng(0)
    drawn = [draw_hints(ab, rng, (0.3, 0.2, 0.1))[1] for _ in range(600)]
    share_without_hints = sum(not d.any() for d in drawn) / len(drawn)
    assert share_without_hints == pytest.approx(0.4, abs=0.07)
