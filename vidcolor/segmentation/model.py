"""The segmentation model: masks of the objects that a person clicks on.

The model contains the embedded network, whose features it uses, so that it works beside any
generator. On a CPU it runs on one thread, because the last bits of a result depend on the number of
threads, and because several threads wait for each other where other work runs.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from vidcolor.color.lab import gray_to_lightness
from vidcolor.errors import WeightsError
from vidcolor.generators.device import torch_dtype
from vidcolor.generators.embedded import NATIVE_SIZE, EmbeddedGenerator
from vidcolor.generators.loader import load_generator
from vidcolor.generators.network import ALIGNMENT
from vidcolor.generators.predictor import single_threaded_pool
from vidcolor.generators.store.weights import SEGMENTATION_WEIGHTS, Weights, read_packaged_weights
from vidcolor.imaging.resize import resize_area, resize_linear
from vidcolor.segmentation.attention import NO_SIMILARITY
from vidcolor.segmentation.network import (
    CELL,
    MEMORY_STRIDE,
    STRIDE,
    Clicks,
    Memory,
    SegmentationNetwork,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from vidcolor.generators.base import Generator
    from vidcolor.generators.device import Precision
    from vidcolor.generators.network import EmbeddedNetwork
    from vidcolor.imaging.types import FloatArray
    from vidcolor.segmentation.network import ImageEmbedding
    from vidcolor.segmentation.points import Points

FEATURES_KEY = "features"
"""Key of the metadata of the weights: SHA-256 of the weights of the embedded network."""
MIN_SCALE = 0.75
"""Minimum ratio between the short side of an image and that of the training images, or its inverse.
Other images are resized."""
BATCH_SIZE = 16
"""Maximum number of objects that are segmented together, which limits memory."""


@dataclass(frozen=True, slots=True)
class EmbeddedImage:
    """The embedding of one image, from which any number of objects is segmented."""

    embedding: ImageEmbedding
    """Embedding of the padded image."""
    shape: tuple[int, int]
    """Height and width of the image, in pixels."""
    resized_shape: tuple[int, int]
    """Height and width of the image after resizing, without padding."""


@dataclass(frozen=True, slots=True)
class FeatureCells:
    """Features of the cells of one image, by which places of several images are compared."""

    features: Tensor
    """(h * w, C), normalized."""
    shape: tuple[int, int]
    """h, w of the padded image."""


P = ParamSpec("P")
R = TypeVar("R")


def _run_on_one_thread(
    method: Callable[Concatenate[SegmentationModel, P], R],
) -> Callable[Concatenate[SegmentationModel, P], R]:
    """Run a method without gradients, and on a CPU on the thread of the model."""

    @functools.wraps(method)
    def call(self: SegmentationModel, /, *args: P.args, **kwargs: P.kwargs) -> R:
        def run() -> R:
            with torch.inference_mode():
                return method(self, *args, **kwargs)

        return run() if self.pool is None else self.pool.submit(run).result()

    return call


class SegmentationModel:
    """Finds the masks of objects from clicks, or from their masks in other images.

    Thread-safe. Images are upright, with square pixels.
    """

    def __init__(
        self,
        network: SegmentationNetwork,
        backbone: EmbeddedNetwork,
        device: torch.device | str = "cpu",
        precision: Precision = "fp32",
    ) -> None:
        """Wrap networks in evaluation mode; `backbone` is prepared by `EmbeddedGenerator`."""
        self._network = network.eval().requires_grad_(False).to(device, torch_dtype(precision))
        # torch's stubs lack this keyword.
        self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._backbone, self._device = backbone, torch.device(device)
        self.pool = single_threaded_pool(1) if self._device.type == "cpu" else None
        """The thread on which a CPU runs the model; None on other devices."""

    @classmethod
    def load(
        cls,
        device: str = "auto",
        precision: str = "auto",
        weights: Weights | None = None,
        generator: Generator | None = None,
    ) -> SegmentationModel:
        """Load the packaged weights, or those given.

        The network of `generator` is used if it is the one that the weights belong to. Then the
        device and the precision are those of the generator.

        Raises:
            WeightsError: the weights are missing, damaged, or for other features.
            UsageError: the device or precision is not available.
        """
        weights = weights or read_packaged_weights(SEGMENTATION_WEIGHTS)
        features = weights.metadata.get(FEATURES_KEY)
        if not isinstance(generator, EmbeddedGenerator) or generator.digest != features:
            generator = load_generator("embedded", device, precision)
            assert isinstance(generator, EmbeddedGenerator)
        if features != generator.digest:
            raise WeightsError(
                f"{weights.path}: not segmentation weights for the embedded weights of this "
                "release; train them again with vidcolor train --task segmentation"
            )
        with torch.device("meta"):
            network = SegmentationNetwork()
        tensors = {key: tensor.float() for key, tensor in weights.tensors.items()}
        try:
            network.load_state_dict(tensors, assign=True)
        except RuntimeError:
            raise WeightsError(
                f"{weights.path}: does not match the segmentation network; fetch it again"
            ) from None
        return cls(network, generator.network, generator.device, generator.precision)

    @_run_on_one_thread
    def embed(self, image: FloatArray) -> EmbeddedImage:
        """Embed an image: Y', (H, W) float32 in [0, 1].

        An image of another size than that of the training images is resized.
        """
        original_shape = image.shape
        scale = NATIVE_SIZE / min(image.shape)
        if not MIN_SCALE <= scale <= 1 / MIN_SCALE:
            shape = round(image.shape[0] * scale), round(image.shape[1] * scale)
            image = (resize_area if scale < 1 else resize_linear)(image, shape)
        height, width = image.shape
        planes = torch.from_numpy(np.ascontiguousarray(image))[None, None].to(self._device)
        # The padding repeats the edge, as that of the embedded generator.
        padding = 0, -width % ALIGNMENT, 0, -height % ALIGNMENT
        luma = F.pad(gray_to_lightness(planes), padding, mode="replicate")
        features = self._backbone.extract_features(luma)
        return EmbeddedImage(self._network.embed(features, luma), original_shape, (height, width))

    def segment_clicks(self, image: EmbeddedImage, objects: Sequence[Points]) -> FloatArray:
        """Segment K objects that are clicked on: (K, H, W) float32 in [0, 1]."""
        return self._segment(image, objects, None)

    def segment_memory(
        self,
        image: EmbeddedImage,
        memory: Memory,
        objects: Sequence[Points] | None = None,
    ) -> FloatArray:
        """Segment K objects that are known in other images.

        Args:
            memory: the other images; see `remember` and `join`.
            objects: clicks on the objects in this image, in addition.

        Returns:
            (K, H, W) float32 in [0, 1]. The mask of an object that the image does not show is
            nearly 0.
        """
        return self._segment(image, objects, memory)

    @_run_on_one_thread
    def remember(self, image: EmbeddedImage, masks: FloatArray) -> Memory:
        """Return a memory of the masks of K objects in an image, (K, H, W) in [0, 1]."""
        padded = _resize_and_pad(torch.from_numpy(np.ascontiguousarray(masks)), image)
        return self._network.remember(image.embedding, padded.to(self._device))

    @_run_on_one_thread
    def join(self, memories: Sequence[Memory]) -> Memory:
        """Join memories of the same objects in several images; see `join_memories`."""
        return join_memories(memories)

    @_run_on_one_thread
    def compare(self, found: Memory, known: Memory) -> FloatArray:
        """Return how similar K objects are in two memories; see `compare_objects`."""
        return compare_objects(found, known)

    @_run_on_one_thread
    def keys(self, image: EmbeddedImage) -> FeatureCells:
        """Return the features of an image by which `transfer` compares it with others."""
        shape = image.embedding.match[1].shape[-2:]
        return FeatureCells(self._network.keys(image.embedding)[0], (shape[0], shape[1]))

    @_run_on_one_thread
    def transfer(
        self, image: EmbeddedImage, cells: Sequence[FeatureCells], maps: Sequence[FloatArray]
    ) -> tuple[FloatArray, FloatArray]:
        """Transfer maps from other images to similar places of an image.

        Args:
            cells: features of the other images; see `keys`.
            maps: a map of V values for each of these images, (V, h, w) float32 of any size.

        Returns:
            The map of the image, (V, h', w') float32, and the similarity to the most similar
            place, (h', w') float32 in [-1, 1].
        """
        values = [
            F.interpolate(
                torch.from_numpy(np.ascontiguousarray(m))[None].to(self._device),
                size=c.shape,
                mode="area",
            )[0].flatten(1)
            for c, m in zip(cells, maps, strict=True)
        ]
        keys = torch.cat([c.features for c in cells])
        read, best = self._network.read(image.embedding, keys, torch.cat(values, dim=1))
        # The padding of the image has no place in the result.
        height, width = (-(-side // MEMORY_STRIDE) for side in image.resized_shape)
        cropped = read[:, :height, :width], best[:height, :width]
        return cropped[0].cpu().numpy(), cropped[1].cpu().numpy()

    @_run_on_one_thread
    def _segment(
        self,
        image: EmbeddedImage,
        objects: Sequence[Points] | None,
        memory: Memory | None,
    ) -> FloatArray:
        network, embedding = self._network, image.embedding
        count = len(objects) if objects is not None else len(memory.masks) if memory else 0
        masks = np.empty((count, *image.shape), np.float32)
        for first in range(0, count, BATCH_SIZE):
            part = slice(first, first + BATCH_SIZE)
            clicks = memory_maps = None
            if objects is not None:
                clicks = network.click_maps(
                    embedding, [self._clicks(o, image) for o in objects[part]]
                )
            if memory is not None:
                some = Memory(memory.keys, memory.masks[part])
                memory_maps = network.memory_maps(embedding, some)
            logits = network(embedding, clicks, memory_maps)
            masks[part] = _crop_and_resize(logits.float(), image)
        return masks

    def _clicks(self, points: Points, image: EmbeddedImage) -> Clicks:
        """Convert points to cells of the padded image."""
        height, width = image.resized_shape

        def convert(positions: Sequence[tuple[float, float]]) -> Tensor:
            rows = [(y * height / CELL, x * width / CELL) for x, y in positions]
            return torch.tensor(rows, dtype=torch.float32, device=self._device).reshape(-1, 2)

        return Clicks(convert(points.positive), convert(points.negative))


def join_memories(memories: Sequence[Memory]) -> Memory:
    """Join memories of the same objects in several images."""
    return Memory(
        torch.cat([m.keys for m in memories]), torch.cat([m.masks for m in memories], dim=1)
    )


def compare_objects(found: Memory, known: Memory) -> FloatArray:
    """Return how much of each object in one memory shows in its mask in another.

    The mask that attention gives to a thing that looks alike consists of its most similar parts
    only. So the similarity is measured from the known object: each of its cells is compared with
    the most similar cell of the other mask.

    Returns:
        Mean similarity over the cells of K objects in `known`, (K,) float32 in [-1, 1]; -1 where a
        mask is empty.
    """
    similarities = []
    for mask, known_mask in zip(found.masks, known.masks, strict=True):
        queries = known.keys[_find_object_cells(known_mask)]
        keys = found.keys[_find_object_cells(mask)]
        some = len(queries) and len(keys)
        similarities.append(
            float((queries @ keys.T).amax(1).float().mean()) if some else NO_SIMILARITY
        )
    return np.array(similarities, np.float32)


def _find_object_cells(mask: Tensor) -> Tensor:
    """Return which cells belong to an object, (M,) bool, from its share in each of them, (M,).

    Of an object that covers half of no cell, it is the cell with the largest share.
    """
    return (mask > 0) & (mask >= mask.amax().clamp(max=0.5))


def _resize_and_pad(masks: Tensor, image: EmbeddedImage) -> Tensor:
    """Resize and pad masks of an image, (K, H, W), as the image; the padding repeats the edge."""
    shape = image.resized_shape
    resized = F.interpolate(masks[None].float(), size=shape, mode="area")
    h, w = (side * CELL for side in image.embedding.luma.shape[-2:])
    return F.pad(resized, (0, w - shape[1], 0, h - shape[0]), mode="replicate")[0]


def _crop_and_resize(logits: Tensor, image: EmbeddedImage) -> Any:
    """Return probabilities of the image, (K, H, W), from logits of the padded image."""
    height, width = image.resized_shape
    scaled = F.interpolate(logits, scale_factor=STRIDE, mode="bilinear", align_corners=False)
    masks = torch.sigmoid(scaled[..., :height, :width])
    if image.shape != image.resized_shape:
        masks = F.interpolate(masks, size=image.shape, mode="bilinear", align_corners=False)
    return masks[:, 0].cpu().numpy()
