"""Prediction of chroma planes from a luma plane: the steps that all generators share.

luma → proxy (small, upright, square pixels) → generator → a*, b* on its coarse grid → Cb, Cr for
the proxy's luma → guided upsampling → gamut compression → Cb, Cr for the frame's luma.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from vidcolor._version import __version__
from vidcolor.color.gamut import ab_to_cbcr, compress_to_gamut
from vidcolor.color.ycbcr import MATRICES, Coding, Matrix, rgb_to_luma_codes, ycbcr_to_rgb
from vidcolor.errors import UsageError
from vidcolor.imaging.geometry import Geometry
from vidcolor.imaging.guided_filter import GuidedUpsampler
from vidcolor.imaging.resize import resize_area, resize_for_scale
from vidcolor.provenance import Provenance, Settings, compute_recipe_digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vidcolor.generators.base import Generator
    from vidcolor.generators.predictor import HintArrays
    from vidcolor.imaging.types import FloatArray, Plane
    from vidcolor.options import ColorizeOptions

LEFT_SITED = 0.25
"""Offset of a left-sited chroma sample from the center of its two luma columns, to the left, in
chroma columns."""


@dataclass(frozen=True, slots=True)
class ProxyPrediction:
    """A generator's prediction for one frame, in the orientation of the stored pixels."""

    ab: FloatArray
    """a*, b* on the generator's grid: (2, h, w) float32."""
    confidence: FloatArray
    """Confidence on the generator's grid: (h, w) float32 in [0, 1]."""
    proxy: FloatArray
    """Y' from which the generator predicted: (H', W') float32 in [0, 1]."""


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
        self._upsample = GuidedUpsampler()
        self._check_vividness(vividness)
        self.vividness = vividness

    @classmethod
    def load(
        cls,
        model: str = "embedded",
        device: str = "auto",
        precision: str = "auto",
        vividness: float | None = None,
        size: int | None = None,
    ) -> Self:
        """Load a generator by name or path.

        Args:
            model: ``embedded``, the name of installed weights, or a weights file; see
                `generators.load_generator`.
            device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
            precision: ``auto``, ``fp32`` or ``bf16``.
            vividness: default for `predict`, 0 to 1; None for the generator's own default.
            size: short side of the proxies in pixels; None for the generator's own size.

        Raises:
            WeightsError: the weights are missing or damaged.
            UsageError: the device or size is not available, or the generator does not support
                a vividness.
        """
        from vidcolor.generators import load_generator

        return cls(load_generator(model, device, precision, size), vividness)

    @classmethod
    def from_options(cls, options: ColorizeOptions) -> Self:
        """Load the generator that the options name; errors are those of `load`."""
        return cls.load(
            options.model, options.device, options.precision, options.vividness, options.size
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
    def digest(self) -> str:
        """SHA-256 of the weights, 64 hex digits."""
        return self._generator.digest

    def check_options(self, options: ColorizeOptions) -> None:
        """Reject options that the generator does not support.

        Raises:
            UsageError: a confidence map or a vividness is requested, and the generator has none.
        """
        self._check_vividness(options.vividness)
        if options.confidence is not None and not self.has_confidence:
            raise UsageError(
                f"model {self.name!r} does not estimate confidence; omit --confidence or use"
                " --model embedded"
            )

    def _check_vividness(self, vividness: float | None) -> None:
        if vividness is not None and not self._generator.has_vividness:
            raise UsageError(
                f"model {self.name!r} does not support --vividness; use --saturation instead"
            )

    def make_provenance(self, options: ColorizeOptions) -> Provenance:
        """Describe how a result with these options is made; results carry it in their tags."""
        values = options.fingerprint_values()
        if options.vividness is None:  # None stands for the default of this colorizer
            values["vividness"] = self.vividness
        digest = compute_recipe_digest(values, self.digest, __version__)
        settings = Settings(options.describe_changes(), __version__, self.digest[:16])
        return Provenance(__version__, self.name, self.digest, digest, settings=settings)

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
        self._check_vividness(vividness)
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
        # The conversion needs luma, and at the coarse grid it is cheapest. The guided filter then
        # adapts chroma to the luma of every pixel.
        coarse_luma = resize_area(prediction.proxy, prediction.ab.shape[1:])
        chroma = ab_to_cbcr(prediction.ab, coarse_luma, matrix) * np.float32(saturation)
        guide = coding.luma_to_unit(_subsample_luma(luma, subsampling))
        left_offset = LEFT_SITED if subsampling[0] == 1 else 0.0
        cb, cr = self._upsample(chroma, prediction.proxy, guide, left_offset)
        compress_to_gamut(cb, cr, guide, matrix)
        return cb, cr

    def colorize(self, image: NDArray[Any]) -> NDArray[Any]:
        """Colorize one image in memory.

        Args:
            image: gray (H, W) or R'G'B' (H, W, 3): uint8, uint16, or float in [0, 1]. Only the
                BT.709 luma of a color image is used.

        Returns:
            R'G'B' (H, W, 3) of the same dtype, with the luma of the input within rounding.

        Raises:
            UsageError: the dtype or the shape is not supported.
        """
        if image.dtype not in (np.uint8, np.uint16) and image.dtype.kind != "f":
            raise UsageError(f"image must be uint8, uint16 or float, got {image.dtype}")
        if image.ndim not in (2, 3) or image.shape[2:] not in ((), (3,)) or 0 in image.shape:
            raise UsageError(f"image must be (H, W) or (H, W, 3), got {image.shape}")
        matrix = MATRICES["bt709"]
        bits = 8 if image.dtype == np.uint8 else 16
        codes = image
        if image.dtype.kind == "f":  # all steps below take integer code values
            codes = np.rint(np.clip(image, 0, 1) * 65535).astype(np.uint16)
        if codes.ndim == 3:
            codes = rgb_to_luma_codes(codes, matrix, bits, bits)
        coding = Coding(bits, full_range=True)
        geometry = Geometry(width=codes.shape[1], height=codes.shape[0])
        (prediction,) = self.predict([self.make_proxy(codes, coding, geometry)], geometry)
        cb, cr = self.make_chroma(prediction, codes, coding, matrix)
        rgb = np.clip(ycbcr_to_rgb(coding.luma_to_unit(codes), cb, cr, matrix), 0, 1)
        if image.dtype.kind == "f":
            return rgb.astype(image.dtype)
        return np.rint(rgb * coding.luma_span).astype(image.dtype)


def _subsample_luma(luma: Plane, subsampling: tuple[int, int]) -> Plane:
    """Average luma around each chroma sample."""
    # Horizontally, 4:2:0 and 4:2:2 chroma lies on every second luma column: H.273 chroma location
    # 0, "left", the default of H.264, H.265 and MPEG-2. Vertically it lies between two rows.
    import cv2

    across, down = subsampling
    if across == 1:
        # A sample on a column averages that column and half of each neighbor.
        kernel = np.array([[0.25, 0.5, 0.25]], np.float32)
        smooth = cv2.filter2D(luma, -1, kernel, borderType=cv2.BORDER_REPLICATE)
        luma = np.asarray(smooth, luma.dtype)[:, ::2]
        across = 0
    if not across and not down:
        return luma
    rows, columns = -luma.shape[0] % (1 << down), -luma.shape[1] % (1 << across)
    if rows or columns:  # INTER_AREA would stretch an incomplete last cell over the whole grid
        luma = np.pad(luma, ((0, rows), (0, columns)), mode="edge")
    return resize_area(luma, (luma.shape[0] >> down, luma.shape[1] >> across))
