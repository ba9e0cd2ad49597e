"""How a picture enters a network and how color comes out: what differs between projects.

Every project has its own idea of gray (L* or R'G'B', 0 to 1 or 0 to 255, normalized or not), of
the size that pictures are squeezed to, and of what it answers. Described in one place, a network
needs nothing else to be a generator, whether torch or ONNX Runtime computes it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch
import torch.nn.functional as F  # noqa: N812

from vidcolor.color.lab import gray_to_lightness, lightness_to_gray, rgb_to_lab
from vidcolor.generators.efficientnet import IMAGENET_MEAN, IMAGENET_STD

if TYPE_CHECKING:
    from torch import Tensor

Input = Literal["lightness", "gray", "rgb"]
Output = Literal["ab", "abc", "lab", "rgb", "bgr"]
Layout = Literal["nchw", "nhwc"]

MAX_SIZE = 4096
_KR, _KG, _KB = 0.299, 0.587, 0.114
"""BT.601, which DeOldify and all that follow it take luma with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelIO:
    """What a network takes and gives."""

    size: int
    """Side of the square that pictures are squeezed to, or their short side, in pixels."""
    multiple: int = 1
    """Height and width must be multiples of this; what a square is not made of is padded."""
    square: bool = True
    """Whether it was trained on pictures that were squeezed to squares, and works best so."""
    fixed: bool = False
    """Whether it takes no other size."""
    input: Input = "rgb"
    """L*; one channel of sRGB-encoded gray; or three times the same gray."""
    input_range: tuple[float, float] = (0.0, 1.0)
    """What black (or L* 0) and white (or L* 100) are."""
    input_mean: tuple[float, ...] = ()
    """What is then taken off, by channel."""
    input_std: tuple[float, ...] = ()
    """What the rest is then divided by, by channel."""
    output: Output = "ab"
    """CIELAB a*, b*; these and confidence in [0, 1]; L*, a*, b*, of which the first is left aside;
    or an sRGB picture, of which only the chroma counts."""
    output_range: tuple[float, float] = (0.0, 1.0)
    """What a picture's 0 and 1 are, before `output_mean` and `output_std` are undone."""
    output_mean: tuple[float, ...] = ()
    output_std: tuple[float, ...] = ()
    output_unit: float = 1.0
    """a*, b* of an output of 1."""
    layout: Layout = "nchw"

    def __post_init__(self) -> None:
        choices = {"input": Input, "output": Output, "layout": Layout}
        for name, kinds in choices.items():
            if getattr(self, name) not in get_args(kinds):
                known = ", ".join(get_args(kinds))
                raise ValueError(f"{name} is one of {known}, not {getattr(self, name)!r}")
        if not 1 <= self.multiple <= self.size <= MAX_SIZE:
            raise ValueError(f"size must lie between multiple and {MAX_SIZE}, not {self.size}")
        if self.size % self.multiple:
            raise ValueError(f"size must be a multiple of {self.multiple}, not {self.size}")
        for name in ("input_range", "output_range"):
            if len(getattr(self, name)) != 2 or getattr(self, name)[0] == getattr(self, name)[1]:
                raise ValueError(f"{name} must be two different numbers: black and white")
        channels = {"input": 3 if self.input == "rgb" else 1, "output": 3}
        for side, count in channels.items():
            mean, std = getattr(self, f"{side}_mean"), getattr(self, f"{side}_std")
            if len(mean) not in (0, count) or len(std) not in (0, count) or 0 in std:
                raise ValueError(
                    f"{side}_mean and {side}_std must have {count} numbers, no 0 in std"
                )

    def to_json(self) -> str:
        """As one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> ModelIO:
        """From what `to_json` wrote.

        Raises:
            ValueError: not that.
        """
        return cls.from_values(json.loads(text))

    @classmethod
    def from_values(cls, values: Any) -> ModelIO:
        """From plain values by field.

        Raises:
            ValueError: names that there are not, or values of a wrong kind.
        """
        if not isinstance(values, dict):
            raise ValueError("a convention is a table of values")
        kinds = {f.name: str(f.type) for f in fields(cls)}
        for name, value in values.items():
            if name not in kinds:
                raise ValueError(f"{name} is unknown: choose from {', '.join(kinds)}")
            _check_kind(name, value, kinds[name])
        if "size" not in values:
            raise ValueError("size is missing")
        plain: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in values.items()
        }
        return cls(**plain)

    @property
    def has_confidence(self) -> bool:
        """Whether the network says how sure it is."""
        return self.output == "abc"

    def working_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width at which a picture of a height and width is looked at."""
        if self.square:
            return self.size, self.size
        scale = self.size / min(height, width)
        return max(round(height * scale), 1), max(round(width * scale), 1)

    def padded(self, gray: Tensor) -> Tensor:
        """Gray with its edge repeated, right and below, up to the multiple that is asked for."""
        height, width = gray.shape[-2:]
        padding = 0, -width % self.multiple, 0, -height % self.multiple
        return F.pad(gray, padding, mode="replicate") if any(padding) else gray

    def enter(self, gray: Tensor) -> Tensor:
        """What the network takes, of gray that has its size.

        Args:
            gray: sRGB-encoded, (N, 1, H, W) in [0, 1].

        Returns:
            float32, (N, C, H, W) or (N, H, W, C).
        """
        unit = gray_to_lightness(gray) / 100 if self.input == "lightness" else gray
        if self.input == "rgb":
            unit = unit.expand(-1, 3, -1, -1)
        black, white = self.input_range
        x = black + unit * (white - black)
        if self.input_mean:
            x = x - _channels(self.input_mean, x)
        if self.input_std:
            x = x / _channels(self.input_std, x)
        return x.permute(0, 2, 3, 1) if self.layout == "nhwc" else x

    def leave(self, answer: Tensor, gray: Tensor) -> Tensor:
        """Color, of what the network answers.

        Of pictures only the chroma is taken (BT.601 Cb, Cr, as DeOldify does), beside the luma
        that was asked about.

        Args:
            answer: what the network gave for `gray`.
            gray: sRGB-encoded, (N, 1, H, W) in [0, 1].

        Returns:
            a*, b*: (N, 2, h, w) float32 within ±128, on the answer's grid.
        """
        y = answer.float()
        if self.layout == "nhwc":
            y = y.permute(0, 3, 1, 2)
        if self.output in ("ab", "abc", "lab"):
            first = 1 if self.output == "lab" else 0
            ab = y[:, first : first + 2] * self.output_unit
        else:
            if self.output_std:
                y = y * _channels(self.output_std, y)
            if self.output_mean:
                y = y + _channels(self.output_mean, y)
            black, white = self.output_range
            picture = ((y - black) / (white - black)).clamp(0, 1)
            ab = _chroma_of(picture if self.output == "rgb" else picture.flip(1), gray)
        # Nothing bounds what some networks say; neither infinite nor impossible helps anyone.
        return torch.nan_to_num(ab, 0.0, 128.0, -128.0).clamp(-128, 128)

    def confidence(self, answer: Tensor) -> Tensor:
        """How sure the network is, (N, 1, h, w) float32 in [0, 1]; all ones if it does not say."""
        y = answer.float()
        if self.layout == "nhwc":
            y = y.permute(0, 3, 1, 2)
        return y[:, 2:3].clamp(0, 1) if self.has_confidence else torch.ones_like(y[:, :1])


def resized(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """(N, C, H, W) at another height and width: bilinear, over all that a new pixel covers."""
    if tuple(picture.shape[-2:]) == tuple(size):
        return picture
    return F.interpolate(picture, size, mode="bilinear", align_corners=False, antialias=True)


def gray_of(luma: Tensor, size: tuple[int, int]) -> Tensor:
    """L* (N, 1, H, W) -> sRGB-encoded gray at another height and width, in [0, 1]."""
    return resized(lightness_to_gray(luma).clamp(0, 1), size)


def _chroma_of(picture: Tensor, gray: Tensor) -> Tensor:
    """a*, b* of a picture's chroma beside another luma; (N, 3, h, w) and (N, 1, H, W)."""
    gray = resized(gray, (picture.shape[-2], picture.shape[-1]))
    red, green, blue = picture.chunk(3, dim=1)
    shift = gray - (_KR * red + _KG * green + _KB * blue)
    _, ab = rgb_to_lab((picture + shift).clamp(0, 1))
    return ab


def _channels(values: tuple[float, ...], like: Tensor) -> Tensor:
    return torch.tensor(values, dtype=torch.float32, device=like.device).view(1, -1, 1, 1)


def _check_kind(name: str, value: Any, kind: str) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = {
        "int": isinstance(value, int) and not isinstance(value, bool),
        "bool": isinstance(value, bool),
        "float": number,
    }
    if kind.startswith("tuple"):
        good = isinstance(value, list | tuple) and all(
            isinstance(v, int | float) and not isinstance(v, bool) for v in value
        )
    else:
        good = fits.get(kind, isinstance(value, str))
    if not good:
        wanted = "numbers" if kind.startswith("tuple") else _KINDS.get(kind, "a word")
        raise ValueError(f"{name} must be {wanted}, not {value!r}")


_KINDS = {"int": "a whole number", "bool": "true or false", "float": "a number"}

ZHANG = ModelIO(size=256, multiple=8, input="lightness", input_range=(0.0, 100.0))
"""Both networks of Zhang et al."""
DEOLDIFY = ModelIO(
    size=336,
    multiple=16,
    input_mean=IMAGENET_MEAN,
    input_std=IMAGENET_STD,
    output="rgb",
    output_mean=IMAGENET_MEAN,
    output_std=IMAGENET_STD,
)
"""DeOldify's films; a render factor of 21 there is 21 x 16 = 336 pixels here."""
DEOLDIFY_ONNX = ModelIO(
    size=352,
    multiple=32,
    input_range=(0.0, 255.0),
    output="rgb",
    output_range=(0.0, 255.0),
)
"""Its exports to ONNX, which normalize inside."""
DDCOLOR = ModelIO(size=512, multiple=32)
"""DDColor, which normalizes inside; its exports to ONNX as well."""
