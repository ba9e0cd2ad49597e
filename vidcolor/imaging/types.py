"""Array types that all packages share."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float32]
"""float32 of any shape."""
Plane: TypeAlias = NDArray[np.unsignedinteger[Any]]
"""Luma or chroma code values of one frame: (H, W) uint8, or uint16 beyond 8 bits."""
Rgb: TypeAlias = NDArray[np.uint8]
"""R'G'B' code values: (H, W, 3) uint8, full range."""
Mask: TypeAlias = NDArray[np.bool_]
"""A selection of pixels: (H, W) bool."""
Uint8Array: TypeAlias = NDArray[np.uint8]
"""uint8 of any shape, usually 8-bit gray."""
