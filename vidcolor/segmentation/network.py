"""The segmentation network, which predicts the mask of an object from clicks or from other frames.

It is a U-Net (Ronneberger et al., arXiv:1505.04597) on features of the embedded network, which stay
fixed and are computed without hints. Two kinds of input say which object is meant:

- Clicks, as in interactive segmentation (Sofiiuk et al., "Reviving Iterative Training with Mask
  Guidance for Interactive Segmentation", arXiv:2102.06583): the similarity of every cell to the
  clicked cells, and the distance from them. Positive clicks lie on the object, negative ones do
  not.
- Memory, as in video object segmentation (Oh et al., "Video Object Segmentation using Space-Time
  Memory Networks", arXiv:1904.00607): masks of other frames, read by attention from the cells of
  the current frame to the cells of these frames. Features that were trained for colorization track
  objects (Vondrick et al., "Tracking Emerges by Colorizing Videos", arXiv:1806.09594).

`SegmentationModel` handles devices and padding. The attribute names of all modules are state-dict
keys of published weights files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from vidcolor.generators.fused_conv import can_fuse, convolve
from vidcolor.segmentation.attention import NO_SIMILARITY, attend, read_masks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.generators.network import ImageFeatures

STRIDE = 2
"""Output stride, in pixels."""
CELL = 4
"""Stride of the maps of clicks, in pixels."""
MEMORY_STRIDE = 8
"""Stride of the memory, in pixels."""
EMBEDDING = (64, 48, 32)
"""Number of channels of the embeddings at strides 16, 8 and 4, in which similarity is measured."""
WIDTHS = (32, 80, 128)
"""Number of channels of the U-Net at strides 4, 8 and 16."""
_SKIPS = (24, 48, 64)
"""Number of channels of the image features that enter the U-Net at strides 4, 8 and 16."""
_FINE = 16
"""Number of channels at stride 2."""
_NUM_MAPS = 18
"""Number of maps that tell which object is meant: seven for the clicks of each sign, three of the
memory, and the mask that flow carries; see `_stack_maps`."""
LUMA_UNIT = 30.0
"""Difference of L* that counts as one in the maps of clicks."""
DISTANCE_SCALES = (0.06, 0.3)
"""Distances from a click at which its distance maps have fallen to 1 / e, as a fraction of the
short side."""


class ImageEmbedding(NamedTuple):
    """What the network computes once for an image, for any number of objects in it."""

    match: tuple[Tensor, Tensor, Tensor]
    """Normalized embeddings at strides 16, 8 and 4: (1, C, h, w)."""
    skips: tuple[Tensor, Tensor, Tensor]
    """Features for the U-Net at strides 4, 8 and 16: (1, C, h, w)."""
    fine: Tensor
    """Features for the output at stride 2: (1, C, h, w)."""
    luma: Tensor
    """L* at stride 4: (1, 1, h, w) in [0, 100]."""


class Clicks(NamedTuple):
    """Clicks on one object, in cells of stride 4, from the top left corner of the image."""

    positive: Tensor
    """(K, 2) float32: y, x of points on the object."""
    negative: Tensor
    """(K, 2) float32: y, x of points beside it."""


class Memory(NamedTuple):
    """Cells of other images in which K objects are known."""

    keys: Tensor
    """(M, C), normalized."""
    masks: Tensor
    """Share of each object in each cell: (K, M) in [0, 1]."""


class _ConvNorm(nn.Sequential):
    """A convolution, group norm and ReLU."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int = 3, stride: int = 1
    ) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, bias=False),
            nn.GroupNorm(8, out_channels),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C', ceil(H / stride), ceil(W / stride))."""
        conv, norm, activate = self
        assert isinstance(conv, nn.Conv2d)
        if can_fuse(x):  # it converts the weights once
            padding = conv.kernel_size[0] // 2
            return F.relu(norm(convolve(conv, x, padding, "none")), inplace=True)
        result: Tensor = activate(norm(conv(x)))
        return result


class SegmentationNetwork(nn.Module):
    """The network, which maps features of an image and a query to logits of a mask at stride 2."""

    def __init__(self, encoder2: int = 16, decoder: tuple[int, int, int] = (96, 128, 192)) -> None:
        """Create the layers for features with these numbers of channels (strides 4, 8, 16)."""
        super().__init__()
        d4, d8, d16 = decoder
        w4, w8, w16 = WIDTHS
        s4, s8, s16 = _SKIPS
        self.match16 = nn.Conv2d(d16, EMBEDDING[0], 1, bias=False)
        self.match8 = nn.Conv2d(d8, EMBEDDING[1], 1, bias=False)
        self.match4 = nn.Conv2d(d4, EMBEDDING[2], 1, bias=False)
        for layer in (self.match16, self.match8, self.match4):
            if not layer.weight.is_meta:  # an orthogonal projection keeps the cosines nearly
                nn.init.orthogonal_(layer.weight)
        self.skip16 = _ConvNorm(d16, s16, 1)
        self.skip8 = _ConvNorm(d8, s8, 1)
        self.skip4 = _ConvNorm(d4, s4, 1)
        self.fine = _ConvNorm(encoder2 + 1, _FINE)
        self.temperature = nn.Parameter(torch.tensor(2.6))  # log of the factor of memory scores
        self.enter4 = _ConvNorm(_NUM_MAPS + s4, w4)
        self.down4 = _ConvNorm(w4, w4)
        self.enter8 = _ConvNorm(w4, w8 - s8 + 16, stride=2)
        self.down8 = _ConvNorm(w8 + 16, w8)
        self.enter16 = _ConvNorm(w8, w16, stride=2)
        self.down16 = _ConvNorm(w16 + s16, w16)
        self.context = _Context(w16)
        self.up8 = _ConvNorm(w16 + w8, w8)
        self.up4 = _ConvNorm(w8 + w4, w4)
        self.expand = nn.Conv2d(w4, 4 * _FINE, 1)
        self.refine = _ConvNorm(2 * _FINE, _FINE)
        self.head = nn.Conv2d(_FINE + 1, 1, 3, padding=1)

    def embed(self, features: ImageFeatures, luma: Tensor) -> ImageEmbedding:
        """Compute what does not depend on the object.

        Args:
            features: features of N images.
            luma: L*, (N, 1, H, W) in [0, 100].
        """
        dtype = self.match16.weight.dtype
        d16, d8, d4 = (
            f.to(dtype) for f in (features.decoder16, features.decoder8, features.decoder4)
        )
        match = (
            _normalize(self.match16(_center(d16))),
            _normalize(self.match8(_center(d8))),
            _normalize(self.match4(_center(d4))),
        )
        skips = (self.skip4(d4), self.skip8(d8), self.skip16(d16))
        half = F.avg_pool2d(luma, STRIDE)
        fine = torch.cat([features.encoder2.to(dtype), (half / 50 - 1).to(dtype)], dim=1)
        return ImageEmbedding(match, skips, self.fine(fine), F.avg_pool2d(luma, CELL))

    def keys(self, image: ImageEmbedding) -> Tensor:
        """Return the memory keys of N images: (N, h * w, C), at stride 8, normalized."""
        m16, m8, m4 = image.match
        parts = (
            F.interpolate(m16, size=m8.shape[-2:], mode="bilinear", align_corners=False),
            m8,
            F.avg_pool2d(m4, 2),
        )
        return _normalize(torch.cat([_normalize(p) for p in parts], dim=1)).flatten(2).mT

    def remember(self, image: ImageEmbedding, masks: Tensor) -> Memory:
        """Make a memory of one image from the masks of objects, (K, H, W) at any resolution."""
        keys = self.keys(image)[0]
        shape = image.match[1].shape[-2:]
        small = F.interpolate(masks[None].to(keys.dtype), size=shape, mode="area")
        return Memory(keys, small[0].flatten(1))

    def click_maps(self, image: ImageEmbedding, clicks: Sequence[Clicks]) -> Tensor:
        """Return the maps of K objects' clicks: (K, 14, h, w) at stride 4.

        `image` is one image.
        """
        return torch.stack(
            [
                torch.cat([self._sign_maps(image, c.positive), self._sign_maps(image, c.negative)])
                for c in clicks
            ]
        )

    def _sign_maps(self, image: ImageEmbedding, points: Tensor) -> Tensor:
        """Return the maps of the clicks of one sign: (7, h, w)."""
        luma = image.luma[0, 0]
        h, w = luma.shape
        if not len(points):
            empty = luma.new_zeros(7, h, w)
            empty[:3] = NO_SIMILARITY
            return empty.to(image.match[0].dtype)
        size = luma.new_tensor([w, h])
        grid = (points.flip(-1) / size * 2 - 1)[None, None]  # x, y in [-1, 1]
        maps = []
        for match in image.match:
            queries = _normalize(_sample(match, grid))[0, :, 0]
            similarity = torch.einsum("ck,chw->khw", queries, match[0]).amax(0)
            maps.append(_resize(similarity[None, None], (h, w))[0, 0])
        values = _sample(image.luma, grid)[0, 0, 0]
        difference = (luma[None] - values[:, None, None]).abs().amin(0) / LUMA_UNIT
        y = torch.arange(h, device=luma.device) + 0.5
        x = torch.arange(w, device=luma.device) + 0.5
        distance = torch.hypot(
            y[None, :, None] - points[:, 0, None, None], x[None, None] - points[:, 1, None, None]
        ).amin(0) / min(h, w)
        flag = torch.ones_like(luma)
        others = [difference.clamp(max=2), *(torch.exp(-distance / s) for s in DISTANCE_SCALES)]
        return torch.stack([*maps, *(m.to(maps[0].dtype) for m in (*others, flag))])

    def memory_maps(self, image: ImageEmbedding, memory: Memory) -> Tensor:
        """Return the maps of a memory of K objects for one image: (K, 3, h, w) at stride 4.

        They are the mask read by attention, and the highest similarity to cells of the object and
        to other cells.
        """
        maps = read_masks(self.keys(image)[0], memory.keys, memory.masks, self.temperature.exp())
        shape = image.match[1].shape[-2:]
        return _resize(maps.reshape(len(maps), 3, *shape), tuple(image.luma.shape[-2:]))

    def read(self, image: ImageEmbedding, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Read values of other images by attention.

        Args:
            image: one image.
            keys: keys of the cells of other images, (M, C); see `keys`.
            values: V values of each of these cells: (V, M).

        Returns:
            The values in the cells of the image, (V, h, w), and the similarity to the most similar
            cell, (h, w) in [-1, 1]; float32 at stride 8.
        """
        similarity = self.keys(image)[0] @ keys.T
        shape = image.match[1].shape[-2:]
        result = attend(similarity, values, self.temperature.exp())
        best = similarity.amax(1)
        return result.float().reshape(-1, *shape), best.float().reshape(shape)

    def forward(
        self,
        image: ImageEmbedding,
        clicks: Tensor | None = None,
        memory: Tensor | None = None,
        carried: Tensor | None = None,
        count: int = 1,
    ) -> Tensor:
        """Predict the masks of K objects in one image.

        Args:
            image: one image.
            clicks: result of `click_maps`, (K, 14, h, w); None without clicks.
            memory: results of `memory_maps`, (K, 3, h, w); None without a memory.
            carried: mask that flow carries from a neighboring frame, (K, 1, h, w) in [0, 1] at
                stride 4; None without one. The network is trained with it in half of the samples,
                but `SegmentationModel` does not use it: errors of flow would add up.
            count: K, if all maps are None.

        Returns:
            Logits, (K, 1, H / 2, W / 2).
        """
        maps = self._stack_maps(image, clicks, memory, carried, count)
        k = len(maps)
        s4, s8, s16 = (skip.expand(k, -1, -1, -1) for skip in image.skips)
        x4 = self.down4(self.enter4(torch.cat([maps, s4], dim=1)))
        x8 = self.down8(torch.cat([_fit(self.enter8(x4), s8), s8], dim=1))
        x16 = self.down16(torch.cat([_fit(self.enter16(x8), s16), s16], dim=1))
        x16 = self.context(x16)
        y8 = self.up8(torch.cat([_upscale(x16, x8), x8], dim=1))
        y4 = self.up4(torch.cat([_upscale(y8, x4), x4], dim=1))
        y2 = F.pixel_shuffle(self.expand(y4), 2)
        y2 = self.refine(torch.cat([y2, image.fine.expand(k, -1, -1, -1)], dim=1))
        # The mask of stride 4 enters the output, so that thin objects need no detour.
        skip = _upscale(y4[:, :1], y2)
        logits: Tensor = self.head(torch.cat([y2, skip], dim=1))
        return logits

    def _stack_maps(
        self,
        image: ImageEmbedding,
        clicks: Tensor | None,
        memory: Tensor | None,
        carried: Tensor | None,
        count: int,
    ) -> Tensor:
        """Concatenate the maps; missing ones have the value that means none."""
        given = next((m for m in (clicks, memory, carried) if m is not None), None)
        k = count if given is None else len(given)
        dtype = image.skips[0].dtype
        h, w = image.luma.shape[-2:]
        if clicks is None:
            none = Clicks(image.luma.new_zeros(0, 2), image.luma.new_zeros(0, 2))
            clicks = self.click_maps(image, [none]).expand(k, -1, -1, -1)
        if memory is None:
            memory = image.luma.new_tensor([0, NO_SIMILARITY, NO_SIMILARITY])
            memory = memory.view(1, 3, 1, 1).expand(k, 3, h, w)
        if carried is None:
            carried = image.luma.new_full((k, 1, h, w), -1.0)
        return torch.cat([m.to(dtype) for m in (clicks, memory, carried)], dim=1)


class _Context(nn.Module):
    """Self-attention over all cells with a residual connection (Vaswani et al., 2017)."""

    def __init__(self, channels: int, num_heads: int = 4) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.norm = nn.GroupNorm(1, channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.project = nn.Conv2d(channels, channels, 1)
        self.refine = _ConvNorm(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, H, W)."""
        n, c, h, w = x.shape
        qkv = self.qkv(self.norm(x)).reshape(n, 3, self.num_heads, -1, h * w)
        q, k, v = qkv.transpose(-1, -2).unbind(1)
        y = F.scaled_dot_product_attention(q, k, v).transpose(-1, -2).reshape(n, c, h, w)
        refined: Tensor = self.refine(x + self.project(y))
        return refined


def _center(x: Tensor) -> Tensor:
    """Subtract the mean over the image from each channel."""
    return x - x.mean((2, 3), keepdim=True)


def _normalize(x: Tensor) -> Tensor:
    """Scale the vector of each cell to length 1."""
    return F.normalize(x.float(), dim=1).to(x.dtype)


def _sample(x: Tensor, grid: Tensor) -> Tensor:
    """Sample (1, C, h, w) at points (1, 1, K, 2) in [-1, 1]: (1, C, 1, K)."""
    return F.grid_sample(
        x.float(), grid.float(), mode="bilinear", padding_mode="border", align_corners=False
    ).to(x.dtype)


def _resize(x: Tensor, size: tuple[int, ...]) -> Tensor:
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


def _upscale(x: Tensor, like: Tensor) -> Tensor:
    return _resize(x, tuple(like.shape[-2:]))


def _fit(x: Tensor, like: Tensor) -> Tensor:
    """Crop to the size of another tensor: stride 2 rounds odd sizes up."""
    return x[..., : like.shape[-2], : like.shape[-1]]
