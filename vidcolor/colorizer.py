"""From a luma plane to chroma planes: the steps that are the same for every generator.

luma → proxy (small, upright, square pixels) → generator → a*, b* on its coarse grid → Cb, Cr under
that luma → raised along luma edges → kept inside the gamut → code values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vidcolor import __version__
from vidcolor.color.gamut import ab_to_cbcr, compress_to_gamut
from vidcolor.color.ycbcr import MATRICES, Coding, Matrix, luma_of_rgb, rgb_of_ycbcr
from vidcolor.errors import UsageError
from vidcolor.imaging.guided_filter import GuidedUpsampler
from vidcolor.provenance import Provenance, recipe_digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vidcolor.color.ycbcr import Plane
    from vidcolor.generators.predictor import HintArrays
    from vidcolor.options import ColorizeOptions

    Array = NDArray[np.float32]

CELL = 4
"""Proxies are whole multiples of this, so that a generator's grid covers its proxy exactly: a grid
that reaches beyond the right edge would shift all color to the left."""
MAX_ASPECT = 4.0
"""A panorama's proxy is not made longer than this many short sides; it is squeezed instead."""
LEFT_SITED = 0.25
"""How far left of the middle of its two luma columns a chroma sample lies, in chroma columns; see
`_subsample`."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """How stored pixels become the picture that people see, and that the generator must see."""

    width: int
    height: int
    pixel_aspect: float = 1.0
    """Width of a pixel over its height."""
    quarter_turns: int = 0
    """Counter-clockwise turns by 90° for display; mirroring makes no difference to a generator."""

    def proxy_size(self, short_side: int) -> tuple[int, int]:
        """Height and width of the proxy, before turning."""
        aspect = self.width * self.pixel_aspect / self.height
        long_side = short_side * min(max(aspect, 1 / aspect), MAX_ASPECT)
        cells = round(long_side / CELL) * CELL
        return (short_side, cells) if aspect >= 1 else (cells, short_side)

    def to_upright(self, image: NDArray[Any]) -> NDArray[Any]:
        """(H, W) as stored -> as displayed."""
        return np.rot90(image, self.quarter_turns)

    def to_stored(self, image: NDArray[Any]) -> NDArray[Any]:
        """(..., H, W) as displayed -> as stored."""
        return np.rot90(image, -self.quarter_turns, axes=(-2, -1))


@dataclass(frozen=True, slots=True)
class ProxyPrediction:
    """What the generator said of one frame, in the orientation of the stored pixels."""

    ab: Array
    """a*, b*: (2, h, w) float32."""
    confidence: Array
    """(h, w) float32 in [0, 1]."""
    proxy: Array
    """Y' that the generator saw: (H', W') float32 in [0, 1]."""


class Colorizer:
    """A generator with everything that it takes to use it on pictures.

    Thread-safe after construction except for `predict`, which one thread at a time may call.
    """

    vividness: float | None = None
    """What `predict` uses if it is told nothing else."""

    def __init__(
        self,
        model: str = "embedded",
        device: str = "auto",
        precision: str = "auto",
        vividness: float | None = None,
        size: int | None = None,
    ) -> None:
        """Load a generator.

        Args:
            model: ``embedded``, another's name, or a weights file; see `load_generator`.
            device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
            precision: ``auto``, ``fp32`` or ``bf16``.
            vividness: 0 to 1, or None for the generator's default.
            size: short side at which it looks at pictures, or None for the generator's own.

        Raises:
            WeightsError: no such weights, or damaged ones.
            UsageError: no such device or size, or a vividness for a generator that has no choice.
        """
        from vidcolor.generators import load_generator
        from vidcolor.generators.predictor import Predictor

        self._generator = load_generator(model, device, precision, size)
        self._predictor = Predictor(self._generator)
        self._check_vividness(vividness)
        self.vividness = vividness
        self._upsample = GuidedUpsampler()

    @classmethod
    def of(cls, options: ColorizeOptions) -> Colorizer:
        """The colorizer that the options name; raises as the constructor does."""
        return cls(
            options.model, options.device, options.precision, options.vividness, options.size
        )

    def check(self, options: ColorizeOptions) -> None:
        """Refuse what the generator cannot do.

        Raises:
            UsageError: its confidence is wanted, or another vividness, and it has none.
        """
        self._check_vividness(options.vividness)
        if options.confidence is not None and not self.has_confidence:
            raise UsageError(
                f"model {self.name!r} does not say how sure it is: leave --confidence out,"
                " or use embedded"
            )

    def _check_vividness(self, vividness: float | None) -> None:
        if vividness is not None and not self._generator.has_vividness:
            raise UsageError(
                f"model {self.name!r} has one vividness only: leave --vividness out;"
                " --saturation makes any color calmer or stronger"
            )

    def provenance(self, options: ColorizeOptions) -> Provenance:
        """What is written into a result that this colorizer makes with these options."""
        recipe = options.recipe()
        if options.vividness is None:
            recipe["vividness"] = self.vividness
        digest = recipe_digest(recipe, self.digest, __version__)
        return Provenance(__version__, self.name, self.digest, digest)

    @property
    def name(self) -> str:
        """The generator's name."""
        return self._generator.name

    @property
    def accepts_hints(self) -> bool:
        """Whether the generator has a use for hints."""
        return self._generator.accepts_hints

    @property
    def has_confidence(self) -> bool:
        """Whether the generator can tell how sure it is."""
        return self._generator.has_confidence

    @property
    def digest(self) -> str:
        """SHA-256 of the weights, in hex."""
        return self._generator.digest

    def proxy(self, luma: Plane, coding: Coding, geometry: Geometry) -> Array:
        """The small upright copy that the generator looks at: float32 in [0, 1]."""
        import cv2

        height, width = geometry.proxy_size(self._generator.native_size)
        smaller = luma.shape[0] > height or luma.shape[1] > width
        method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
        small = cv2.resize(np.ascontiguousarray(luma), (width, height), interpolation=method)
        upright: Array = np.ascontiguousarray(geometry.to_upright(coding.luma_to_unit(small)))
        return upright

    def proxy_of(self, luma: Array) -> Array:
        """The proxy of an upright picture with square pixels, from its Y' in [0, 1]: (H, W)."""
        codes, coding = np.rint(luma * 255).astype(np.uint8), Coding(8, full_range=True)
        return self.proxy(codes, coding, Geometry(width=luma.shape[1], height=luma.shape[0]))

    def predict(
        self,
        proxies: Sequence[Array],
        geometry: Geometry,
        vividness: float | None = None,
        hints: HintArrays | None = None,
    ) -> list[ProxyPrediction]:
        """Color a batch of proxies of one size.

        Args:
            proxies: from `proxy`, each (h, w).
            geometry: the one they were made with.
            vividness: 0 to 1; None for what the colorizer was made with.
            hints: known color, one picture's for each proxy and upright as they are: (N, 2, h, w)
                and (N, h, w) on any grid; None if nothing is known. A generator without a use for
                hints is not given them.
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

    def chroma(
        self,
        color: ProxyPrediction,
        luma: Plane,
        coding: Coding,
        matrix: Matrix,
        subsampling: tuple[int, int] = (0, 0),
        saturation: float = 1.0,
    ) -> tuple[Array, Array]:
        """Cb and Cr for a frame's own luma.

        Args:
            color: what the generator said of it.
            luma: (H, W) code values.
            coding: what they mean.
            matrix: the matrix of the output.
            subsampling: log2 of luma samples for a chroma sample, across and down.
            saturation: gain of Cb and Cr; what the gamut cannot hold is compressed into it.

        Returns:
            Cb, Cr: float32 in [-0.5, 0.5], of the chroma planes' size (rounded up).
        """
        import cv2

        _, rows, columns = color.ab.shape
        area = cv2.INTER_AREA
        coarse = np.asarray(cv2.resize(color.proxy, (columns, rows), interpolation=area))
        gray = coarse.astype(np.float32).reshape(rows, columns)
        chroma = ab_to_cbcr(color.ab, gray, matrix) * np.float32(saturation)
        guide = coding.luma_to_unit(_subsample(luma, subsampling))
        left = LEFT_SITED if subsampling[0] == 1 else 0.0
        cb, cr = self._upsample(chroma, color.proxy, guide, left)
        compress_to_gamut(cb, cr, guide, matrix)
        return cb, cr

    def colorize(self, picture: NDArray[Any]) -> NDArray[Any]:
        """Color one picture held in memory.

        Args:
            picture: gray (H, W) or R'G'B' (H, W, 3): uint8, uint16, or float in [0, 1];
                of a color picture only the luma (BT.709) is used.

        Returns:
            R'G'B' (H, W, 3) of the same type, whose luma is that of the input.

        Raises:
            UsageError: another type or shape.
        """
        if picture.dtype not in (np.uint8, np.uint16) and picture.dtype.kind != "f":
            raise UsageError(f"picture must be uint8, uint16 or float, not {picture.dtype}")
        if picture.ndim not in (2, 3) or picture.shape[2:] not in ((), (3,)) or 0 in picture.shape:
            raise UsageError(f"picture must be (H, W) or (H, W, 3), not {picture.shape}")
        matrix = MATRICES["bt709"]
        bits = {"uint8": 8, "uint16": 16}.get(str(picture.dtype), 16)
        codes = picture
        if picture.dtype.kind == "f":
            codes = np.rint(np.clip(picture, 0, 1) * 65535).astype(np.uint16)
        if codes.ndim == 3:
            codes = luma_of_rgb(codes, matrix, bits, bits)
        coding = Coding(bits, full_range=True)
        geometry = Geometry(width=codes.shape[1], height=codes.shape[0])
        (color,) = self.predict([self.proxy(codes, coding, geometry)], geometry)
        cb, cr = self.chroma(color, codes, coding, matrix)
        rgb = np.clip(rgb_of_ycbcr(coding.luma_to_unit(codes), cb, cr, matrix), 0, 1)
        if picture.dtype.kind == "f":
            return rgb.astype(picture.dtype)
        return np.rint(rgb * coding.luma_span).astype(picture.dtype)


def _subsample(luma: Plane, subsampling: tuple[int, int]) -> Plane:
    """Luma where the chroma samples lie, averaged over the samples around.

    Across, 4:2:0 and 4:2:2 chroma lies on every second luma column (H.273 chroma location 0,
    "left", which H.264, H.265 and MPEG-2 mean when they say nothing); down, between two rows.
    """
    import cv2

    across, down = subsampling
    if across == 1:
        kernel = np.array([[0.25, 0.5, 0.25]], np.float32)
        smooth = cv2.filter2D(luma, -1, kernel, borderType=cv2.BORDER_REPLICATE)
        luma = np.asarray(smooth, luma.dtype)[:, ::2]
        across = 0
    if not across and not down:
        return luma
    rows, columns = -luma.shape[0] % (1 << down), -luma.shape[1] % (1 << across)
    if rows or columns:  # whole cells, or the grid would be stretched
        luma = np.pad(luma, ((0, rows), (0, columns)), mode="edge")
    size = (luma.shape[1] >> across, luma.shape[0] >> down)
    small = cv2.resize(np.ascontiguousarray(luma), size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, luma.dtype).reshape(size[1], size[0])
