"""Prediction of chroma planes from a luma plane: the steps that all generators share.

luma → proxy (small, upright, square pixels) → generator → a*, b* on its coarse grid → Cb, Cr for
the frame's luma (`chroma`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, overload

import numpy as np

from vidcolor._version import __version__
from vidcolor.chroma import compose_chroma
from vidcolor.color.ycbcr import Coding
from vidcolor.errors import UsageError
from vidcolor.imaging.geometry import Geometry
from vidcolor.imaging.resize import resize_for_scale
from vidcolor.provenance import Provenance, Settings, compute_recipe_digest
from vidcolor.shot_models import ShotModels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.arrays import Image, Layout
    from vidcolor.color.ycbcr import Matrix
    from vidcolor.generators.base import ColorDistribution, Generator
    from vidcolor.generators.predictor import FramePredictor, HintArrays
    from vidcolor.images import HintMasks, PreparedImage
    from vidcolor.imaging.overlay import ColorOverlay
    from vidcolor.imaging.types import FloatArray, Plane
    from vidcolor.options import ColorizeOptions, Hint
    from vidcolor.segmentation.model import SegmentationModel


@dataclass(frozen=True, slots=True)
class ProxyPrediction:
    """A generator's prediction for one frame, in the orientation of the stored pixels."""

    ab: FloatArray
    """a*, b* on the generator's grid: (2, h, w) float32."""
    confidence: FloatArray
    """Confidence on the generator's grid: (h, w) float32 in [0, 1]."""
    proxy: FloatArray
    """Y' from which the generator predicted: (H', W') float32 in [0, 1]."""
    overlay: ColorOverlay | None = None
    """Color given by a person, which `Colorizer.make_chroma` blends over the prediction."""


class Colorizer:
    """A generator with its preprocessing and postprocessing.

    Thread-safe after construction, except for `predict`: only one thread at a time may call it.
    """

    def __init__(self, generator: Generator, vividness: float | None = None) -> None:
        """Prepare to run a generator; `vividness` is the default of `predict`.

        Raises:
            UsageError: a vividness is given, but the generator does not support the option.
        """
        from vidcolor.generators.predictor import Predictor

        self._generator = generator
        self._predictor = Predictor(generator)
        self.models = ShotModels(self, None, partial(type(self).load, device=generator.device))
        """This colorizer, and those of the models of single shots."""
        self.check_vividness(vividness)
        self.vividness = vividness

    @classmethod
    def load(
        cls,
        model: str | Path = "embedded",
        device: str = "auto",
        precision: str = "auto",
        vividness: float | None = None,
        size: int | None = None,
        bins: Path | str | None = None,
    ) -> Self:
        """Load a generator by name or path.

        Args:
            model: ``embedded``, the name of installed weights, or a weights file; see
                `generators.load_generator`.
            device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
            precision: ``auto``, ``fp32`` or ``bf16``.
            vividness: default for `predict`, 0 to 1; None for the generator's own default.
            size: short side of the proxies in pixels; None for the generator's own size.
            bins: file with the color bins of a Caffe model; None for ``pts_in_hull.npy`` beside
                the model.

        Raises:
            WeightsError: the weights are missing or damaged.
            UsageError: the device or size is not available, or the generator does not support
                a vividness or bins.
        """
        from vidcolor.generators import load_generator

        bins = None if bins is None else Path(bins)
        colorizer = cls(load_generator(str(model), device, precision, size, bins), vividness)
        load = partial(cls.load, device=device, precision=precision, size=size)
        colorizer.models = ShotModels(colorizer, str(model), load)
        return colorizer

    @classmethod
    def from_options(cls, options: ColorizeOptions) -> Self:
        """Load the generator that the options name; errors are those of `load`."""
        return cls.load(
            options.model,
            options.device,
            options.precision,
            options.vividness,
            options.size,
            options.bins,
        )

    @property
    def name(self) -> str:
        """Name of the generator."""
        return self._generator.name

    @property
    def accepts_hints(self) -> bool:
        """Whether the generator uses hints."""
        return self._generator.accepts_hints

    @property
    def has_confidence(self) -> bool:
        """Whether the generator estimates its confidence."""
        return self._generator.has_confidence

    @property
    def has_vividness(self) -> bool:
        """Whether the generator supports the option vividness."""
        return self._generator.has_vividness

    @property
    def digest(self) -> str:
        """SHA-256 of the weights, 64 hex digits."""
        return self._generator.digest

    @cached_property
    def segmentation(self) -> SegmentationModel:
        """The model that finds the objects which hints lie on; loaded at the first use.

        Raises:
            WeightsError: its weights are missing or damaged.
        """
        from vidcolor.segmentation.model import SegmentationModel

        return SegmentationModel.load(self._generator.device, generator=self._generator)

    def check_options(self, options: ColorizeOptions) -> None:
        """Reject options that the generators do not support.

        Raises:
            UsageError: a confidence map or a vividness is requested, and a generator has none.
            WeightsError: the weights of a model of single shots are missing or damaged.
        """
        self.models.check(options)

    def check_has_confidence(self) -> None:
        """Raise a `UsageError` if the generator does not estimate its confidence."""
        if not self.has_confidence:
            raise UsageError(f"model {self.name!r} does not estimate confidence")

    def check_vividness(self, vividness: float | None) -> None:
        """Raise a `UsageError` if the generator does not support a vividness that is not None."""
        if vividness is not None and not self._generator.has_vividness:
            raise UsageError(
                f"model {self.name!r} does not support vividness; use saturation instead"
            )

    def make_provenance(self, options: ColorizeOptions) -> Provenance:
        """Describe how a result with these options is made; results carry it in their tags."""
        values = options.fingerprint_values()
        if options.vividness is None:  # None stands for the default of this colorizer
            values["vividness"] = self.vividness
        others = self.models.get_digests(options)
        if others:
            values["shot weights"] = others
        digest = compute_recipe_digest(values, self.digest, __version__)
        settings = Settings(options.describe_changes(), __version__, self.digest[:16])
        return Provenance(
            __version__, self.name, self.digest, digest, settings=settings, shot_weights=others
        )

    def make_proxy(self, luma: Plane, coding: Coding, geometry: Geometry) -> FloatArray:
        """Reduce stored (H, W) code values to the size and orientation that the generator expects.

        Returns:
            Upright Y' with square pixels: (H', W') float32 in [0, 1], contiguous.
        """
        small = resize_for_scale(luma, geometry.proxy_size(self._generator.native_size))
        return np.ascontiguousarray(geometry.to_upright(coding.luma_to_unit(small)))

    def make_upright_proxy(self, luma: FloatArray) -> FloatArray:
        """Return the proxy of an upright Y' with square pixels, (H, W) float32 in [0, 1].

        It is rounded to 8 bits.
        """
        codes, coding = np.rint(luma * 255).astype(np.uint8), Coding(8, full_range=True)
        return self.make_proxy(codes, coding, Geometry(width=luma.shape[1], height=luma.shape[0]))

    def predict(
        self,
        proxies: Sequence[FloatArray],
        geometry: Geometry,
        vividness: float | None = None,
        hints: HintArrays | None = None,
    ) -> list[ProxyPrediction]:
        """Predict a*, b* for a batch of proxies of one size, rotated to the stored orientation.

        The proxies are upright arrays, (H', W'), that `make_proxy` made with this geometry. The
        default vividness is that of this colorizer. Hints are one upright map for each proxy,
        (N, 2, h, w) and (N, h, w) on any grid. Generators that do not accept hints ignore them.
        """
        self.check_vividness(vividness)
        vividness = self.vividness if vividness is None else vividness
        if not self.accepts_hints:
            hints = None
        ab, confidence = self._predictor(np.stack(proxies), hints, vividness)
        return [
            ProxyPrediction(
                ab=np.ascontiguousarray(geometry.to_stored(ab[n])),
                confidence=np.ascontiguousarray(geometry.to_stored(confidence[n])),
                proxy=np.ascontiguousarray(geometry.to_stored(proxies[n])),
            )
            for n in range(len(proxies))
        ]

    def prepare_proxy(self, proxy: FloatArray) -> FramePredictor:
        """Prepare to predict the color of one upright proxy with many hints; see `prepare`."""
        return self._predictor.prepare(proxy)

    def predict_distribution(self, proxy: FloatArray) -> ColorDistribution | None:
        """Predict the distribution of colors in an upright proxy that `make_proxy` made.

        None if the generator predicts only one color for each place.
        """
        import torch

        from vidcolor.color.lab import gray_to_lightness
        from vidcolor.generators.base import DistributionGenerator

        if not isinstance(self._generator, DistributionGenerator):
            return None
        gray = torch.from_numpy(np.ascontiguousarray(proxy))[None, None]
        return self._generator.predict_distribution(gray_to_lightness(gray))

    def make_chroma(
        self,
        prediction: ProxyPrediction,
        luma: Plane,
        coding: Coding,
        matrix: Matrix,
        subsampling: tuple[int, int] = (0, 0),
        saturation: float = 1.0,
    ) -> tuple[FloatArray, FloatArray]:
        """Compute Cb and Cr for the luma of a frame.

        Args:
            prediction: the prediction for this frame.
            luma: (H, W) code values.
            coding: bit depth and range of `luma`.
            matrix: matrix coefficients of the output.
            subsampling: log2 of luma samples per chroma sample, horizontal and vertical.
            saturation: gain of Cb and Cr. Chroma outside the gamut is compressed into it.

        Returns:
            Cb, Cr: float32 in [-0.5, 0.5], of the size of the chroma planes (rounded up).
        """
        return compose_chroma(
            prediction.ab,
            prediction.proxy,
            prediction.overlay,
            luma,
            coding,
            matrix,
            subsampling,
            saturation,
        )

    @overload
    def colorize(
        self,
        image: Image,
        *,
        hints: Sequence[Hint] | Path | str | None = None,
        saturation: float = 1.0,
        vividness: float | None = None,
        layout: Layout | None = None,
        return_confidence: Literal[False] = False,
    ) -> Image: ...

    @overload
    def colorize(
        self,
        image: Image,
        *,
        hints: Sequence[Hint] | Path | str | None = None,
        saturation: float = 1.0,
        vividness: float | None = None,
        layout: Layout | None = None,
        return_confidence: Literal[True],
    ) -> tuple[Image, Image]: ...

    def colorize(
        self,
        image: Image,
        *,
        hints: Sequence[Hint] | Path | str | None = None,
        saturation: float = 1.0,
        vividness: float | None = None,
        layout: Layout | None = None,
        return_confidence: bool = False,
    ) -> Image | tuple[Image, Image]:
        """Colorize an image or a batch of images in memory.

        Only one thread at a time may call it. Images on a GPU are copied to the CPU, where chroma
        is upsampled; only the generator runs on its device. Images on the CPU are not copied.

        Args:
            image: NumPy array or torch tensor, gray or R'G'B' (BT.709 luma): uint8, uint16, or
                float16, bfloat16, float32 or float64 in [0, 1]. Its shape is (H, W), or with 1 or 3
                channels (H, W, C), (C, H, W), (N, H, W, C) or (N, C, H, W).
            hints: colors at points of a single image, or the path of a hint file.
            saturation: gain of the chroma, 0 to 3.
            vividness: 0 to 1; None for the default of this colorizer.
            layout: ``hwc`` or ``chw``. By default the shape shows where the channels are; if both
                are possible, they are last in an array and before height and width in a tensor.
            return_confidence: whether to return the confidence as well.

        Returns:
            R'G'B' with the luma of the input within rounding, and the type, number format, layout
            and device of the input; (H, W) becomes (H, W, 3), or (3, H, W) for a tensor. With
            `return_confidence`, a pair of it and the confidence, (H, W) or (N, H, W) float32 in
            [0, 1].

        Raises:
            UsageError: the type, the number format, the shape, a value or an option is not
                supported. Values that are NaN, infinite or outside [0, 1] are refused.
            InputError: the hint file cannot be read.
        """
        # The only import from a layer above: hints need the colorizer, and this method needs hints.
        from vidcolor.images import colorize_image

        if return_confidence:
            self.check_has_confidence()
        result = colorize_image(
            image, self, hints=hints, saturation=saturation, vividness=vividness, layout=layout
        )
        return tuple(result) if return_confidence else result.image

    def prepare(
        self, image: Any, *, vividness: float | None = None, layout: Layout | None = None
    ) -> PreparedImage:
        """Prepare one image to be colorized again and again while a person changes its hints.

        The first call of a method of the result takes as long as `colorize`; later calls compute
        only what depends on the hints.

        Args:
            image: a single image; see `colorize`.
            vividness: 0 to 1; None for the default of this colorizer.
            layout: ``hwc`` or ``chw``; see `colorize`.

        Raises:
            UsageError: the image or the vividness is not supported.
        """
        from vidcolor.images import PreparedImage

        return PreparedImage(image, self, vividness=vividness, layout=layout)

    def find_hint_masks(
        self,
        image: Any,
        *,
        hints: Sequence[Hint] | Path | str,
        layout: Layout | None = None,
    ) -> HintMasks:
        """Find the objects that hints lie on, which are those that `colorize` gives their colors.

        Hints of one color mean one object. Only one thread at a time may call it.

        Args:
            image: a single image; see `colorize`.
            hints: colors at points of the image, or the path of a hint file; at least one.
            layout: ``hwc`` or ``chw``; see `colorize`.

        Returns:
            A pair of masks and colors. The masks are the probabilities that a pixel belongs to each
            of the K objects, (K, H, W) float32 in [0, 1], in an array, or in a tensor on the device
            of the image. The colors are those of the K objects, as the hints write them.

        Raises:
            UsageError: the image or a hint is not supported, or there are no hints.
            InputError: the hint file cannot be read.
            WeightsError: the weights of the segmentation model are missing or damaged.
        """
        return self.prepare(image, layout=layout).find_hint_masks(hints)
