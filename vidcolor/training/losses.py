"""What a prediction is measured by: colors as soft targets over bins, and distances in color.

The distribution loss is that of Zhang, Isola & Efros, "Colorful Image Colorization", 2016: the true
color spread over its nearest bins, and cross-entropy in which rare colors count more, as most of
any photograph is nearly gray.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from vidcolor.color.bins import temperature
from vidcolor.color.lab import rgb_to_lab
from vidcolor.color.metrics import colorfulness

if TYPE_CHECKING:
    from collections.abc import Iterable

NEIGHBORS = 5
"""Bins over which a color is spread."""
SIGMA = 5.0
"""Width of that spread, and of the prior's smoothing, in a*b* units."""
UNIFORM_SHARE = 0.5
"""Share of the uniform distribution in the prior that weights are taken from (their lambda)."""
HEAVIEST = 8.0
"""Most that a rare color counts, against 1 on average."""
ERROR_FLOOR = 2e-4
"""Mean square error (37 dB) below which a picture gains little by being better still."""
DARKEST, BRIGHT_ENOUGH = 20.0, 60.0
"""L* up to which rare colors count like any other, and from which they count fully more."""
MEAN_SHARE = 0.3
"""Weight of a picture's mean color in its colorfulness (Hasler & Süsstrunk, 2003)."""
LEAST_COLOR = 0.02
"""Length of opponent components, in shares of white, below which a true picture says little."""
VARIATION_STEPS = (2, 4)
"""Steps, in cells, over which color may vary no more than the truth's."""
LIMIT = 115
"""Largest |a*| or |b*| in the lookup table; sRGB ends at 108."""


class BinTargets(nn.Module):
    """Soft encoding of a*b* over the nearest bins, by a table over whole-numbered a*b*.

    Rounding to whole units moves a color by at most 0.7, a fourteenth of the bins' distance.
    """

    bins: Tensor
    index: Tensor
    weight: Tensor

    def __init__(self, bins: Tensor) -> None:
        """Make the table.

        Args:
            bins: a*, b* of each bin, (Q, 2) float32 with Q of at least `NEIGHBORS`.
        """
        super().__init__()
        axis = torch.arange(-LIMIT, LIMIT + 1, dtype=torch.float32)
        grid = torch.cartesian_prod(axis, axis)
        distance, index = torch.cdist(grid, bins.float().cpu()).topk(NEIGHBORS, largest=False)
        # A Gaussian, scaled to sum to 1; as a softmax it does not underflow outside the gamut.
        weight = torch.softmax(distance.square() / (-2 * SIGMA**2), dim=1)
        self.register_buffer("bins", bins.float().cpu().clone())
        self.register_buffer("index", index)
        self.register_buffer("weight", weight)

    def forward(self, ab: Tensor) -> tuple[Tensor, Tensor]:
        """Encode colors.

        Args:
            ab: a*, b*, (N, 2, h, w).

        Returns:
            The nearest bins, nearest first, (N, 5, h, w) int64; their weights, which sum to 1, the
            same shape, float32.
        """
        place = ab.round().long().clamp(-LIMIT, LIMIT) + LIMIT
        row = place[:, 0] * (2 * LIMIT + 1) + place[:, 1]
        return self.index[row].movedim(-1, 1), self.weight[row].movedim(-1, 1)


def bin_prior(pictures: Iterable[Tensor], targets: BinTargets) -> Tensor:
    """How often each bin occurs, smoothed over neighboring bins.

    Args:
        pictures: (N, 3, H, W) sRGB in [0, 1], H and W multiples of 4; colors are counted at
            stride 4, where the network predicts.
        targets: of the network's bins.

    Returns:
        (Q,) float32, sums to 1.
    """
    count = torch.zeros(len(targets.bins), dtype=torch.float64)
    for picture in pictures:
        index, weight = targets(F.avg_pool2d(rgb_to_lab(picture)[1], 4))
        count.index_add_(0, index.flatten(), weight.flatten().double())
    spread = torch.exp(torch.cdist(targets.bins, targets.bins).square() / (-2 * SIGMA**2)).double()
    prior = (spread / spread.sum(0)) @ count
    return (prior / prior.sum().clamp(min=1e-12)).float()


def class_weights(prior: Tensor, strength: float = 1.0) -> Tensor:
    """How much each bin counts: the inverse of its mixed prior, 1 on average over pixels.

    Args:
        prior: from `bin_prior`, (Q,).
        strength: exponent of the weights: 0 makes all equal, 1 is Zhang et al.'s.

    Returns:
        (Q,) float32, at most `HEAVIEST`.
    """
    mixed = (1 - UNIFORM_SHARE) * prior + UNIFORM_SHARE / len(prior)
    weight = mixed**-strength
    return (weight / (prior * weight).sum()).clamp(max=HEAVIEST)


class DistributionLoss(nn.Module):
    """Cross-entropy against soft targets, rebalanced and plain."""

    class_weight: Tensor

    def __init__(self, targets: BinTargets, class_weight: Tensor) -> None:
        super().__init__()
        self.targets = targets
        self.register_buffer("class_weight", class_weight)

    def forward(self, logits: Tensor, ab: Tensor, lightness: Tensor) -> tuple[Tensor, Tensor]:
        """Measure predictions.

        In the dark rare colors count no more than others: there is little color to see, and a
        network that is paid for it paints black suits red.

        Args:
            logits: (N, Q, h, w), any float type.
            ab: true a*, b*, (N, 2, h, w).
            lightness: true L*, (N, 1, h, w) in [0, 100].

        Returns:
            Rebalanced and plain cross-entropy in nats, mean over cells, each () float32.
        """
        index, weight = self.targets(ab)
        likely = torch.log_softmax(logits.float(), dim=1).gather(1, index)
        entropy = -(likely * weight).sum(1)
        light = ((lightness[:, 0] - DARKEST) / (BRIGHT_ENOUGH - DARKEST)).clamp(0, 1)
        count = self.class_weight[index[:, 0]] ** light
        return (entropy * count).mean(), entropy.mean()


def mean_color(logits: Tensor, bins: Tensor, vividness: float | None = None) -> Tensor:
    """The color that would be painted, as `color.bins.color_of` has it, but differentiable.

    Args:
        logits: (N, Q, h, w).
        bins: (Q, 2).
        vividness: see `color.bins.temperature`.

    Returns:
        a*, b*, (N, 2, h, w) float32.
    """
    rows = logits.float().permute(0, 2, 3, 1) / temperature(vividness)
    return (torch.softmax(rows, dim=-1) @ bins.float()).permute(0, 3, 1, 2)


def picture_loss(painted: Tensor, truth: Tensor) -> Tensor:
    """What a picture loses in PSNR, as a natural logarithm: 1 is 4.3 dB. () float32.

    The mean over pictures of log(mean square error), so that each counts alike, however gray; it
    sees what cross-entropy does not: how far off a wrong color is.

    Args:
        painted: (N, 3, h, w), sRGB in [0, 1].
        truth: the same shape.
    """
    error = (painted - truth).square().flatten(1).mean(1)
    return (error + ERROR_FLOOR).log().mean()


def colorfulness_share(painted: Tensor, truth: Tensor) -> Tensor:
    """Mean colorfulness over that of the true pictures: () float32.

    Args:
        painted: (N, 3, h, w), sRGB in [0, 1]; N may be 0, which gives 0.
        truth: the same shape.
    """
    if not len(painted):
        return painted.new_zeros(())
    return colorfulness(painted).mean() / colorfulness(truth).mean().clamp(min=1)


def agreement(painted: Tensor, truth: Tensor) -> Tensor:
    """How much of the true colorfulness was painted, where it belongs: () float32.

    Hasler & Süsstrunk's colorfulness is the length of a picture's opponent components about their
    mean, and 0.3 times the length of the mean. Here only that part of the painted ones counts that
    lies along the true ones. As a reward it raises the colors that can be told. Where they cannot,
    opposite guesses cancel: mere colorfulness, in contrast, is raised best by boldness where a
    picture is hopeless anyway.

    Args:
        painted: (N, 3, h, w), sRGB in [0, 1]; N may be 0, which gives 0.
        truth: the same shape.

    Returns:
        1 if all is as true, 0 for gray, below 0 for complementary colors.
    """
    if not len(painted):
        return painted.new_zeros(())
    parts, lengths = [], []
    (ours, ours_mean), (true, true_mean) = (_opponents(rgb) for rgb in (painted, truth))
    for share, own, known in ((1.0, ours, true), (MEAN_SHARE, ours_mean, true_mean)):
        length = known.square().mean(2).sum(1).sqrt().clamp(min=LEAST_COLOR)
        parts.append(share * (own * known).mean(2).sum(1) / length)
        lengths.append(share * length)
    painted_share: Tensor = torch.stack(parts).sum() / torch.stack(lengths).sum()
    return painted_share


def _opponents(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """R - G and (R + G) / 2 - B about their mean, (N, 2, h * w), and the mean, (N, 2, 1)."""
    red, green, blue = rgb.flatten(2).unbind(1)
    both = torch.stack([red - green, (red + green) / 2 - blue], dim=1)
    mean = both.mean(2, keepdim=True)
    return both - mean, mean


def excess_variation(painted: Tensor, truth: Tensor) -> Tensor:
    """How much more color varies from place to place than it should, in a*b* units: () float32.

    Blotches, in other words. That an object has the wrong color costs nothing inside it, that it
    has two does: so an ambiguous object is better painted in one color than in patches of each.

    Args:
        painted: a*, b*, (N, 2, h, w), h and w at least twice the largest of `VARIATION_STEPS`.
        truth: the same shape.
    """
    total = painted.new_zeros(())
    for step in VARIATION_STEPS:
        ours, theirs = F.avg_pool2d(painted, step), F.avg_pool2d(truth, step)
        for axis in (-2, -1):
            # Squared, and a little added: a length has no gradient at 0.
            change = (ours.diff(dim=axis).square().sum(1) + 1e-2).sqrt()
            total = total + F.relu(change - theirs.diff(dim=axis).norm(dim=1)).mean()
    return total / (2 * len(VARIATION_STEPS))


def divergence(logits: Tensor, teacher: Tensor) -> Tensor:
    """KL divergence of a prediction from a teacher's, in nats, mean over cells: () float32.

    Hinton, Vinyals & Dean, "Distilling the Knowledge in a Neural Network", 2015; after Li & Hoiem,
    "Learning without Forgetting", 2016, on the new pictures themselves.

    Args:
        logits: (N, Q, h, w).
        teacher: the same shape; no gradient flows into it.
    """
    own = torch.log_softmax(logits.float(), dim=1)
    known = torch.log_softmax(teacher.detach().float(), dim=1)
    return F.kl_div(own, known, reduction="none", log_target=True).sum(1).mean()
