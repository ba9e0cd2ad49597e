"""Reads the fields of protobuf messages without a schema, with bounds checks and without copies.

Two kinds of model files are protobuf messages: Caffe models and ONNX files. The protobuf library
is not used, because it converts each of the 32 million values of a Caffe model to a Python object,
and because programs that also use TensorFlow or ONNX often require another version of it. The
encoding is described at https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

Value = int | memoryview
"""Value of a field: an int for a varint, otherwise its bytes."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
"""Wire types. Groups (3 and 4) are obsolete."""
_FIXED_SIZES = {_FIXED64: 8, _FIXED32: 4}
"""Sizes of values by wire type, in bytes."""
_MAX_VARINT_BYTES = 10
"""Maximum length of a varint, which holds 64 bits."""


class WireError(ValueError):
    """The bytes are not a complete protobuf message."""


def iterate_fields(message: memoryview) -> Iterator[tuple[int, Value]]:
    """Yield the number and the value of each field of a message, in the order of the file.

    Consecutive fixed-size values with one field number below 16, which is how a repeated float is
    stored without packing, are yielded together as their concatenated bytes.

    Raises:
        WireError: the message is truncated, or has an unknown wire type.
    """
    position, end = 0, len(message)
    while position < end:
        start = position
        tag, position = _read_varint(message, position)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == _VARINT:
            value, position = _read_varint(message, position)
            yield number, value
        elif wire_type == _BYTES:
            size, position = _read_varint(message, position)
            yield number, _slice(message, position, size)
            position += size
        elif wire_type in _FIXED_SIZES:
            size = _FIXED_SIZES[wire_type]
            if position - start == 1:
                run = _read_run(message[start:], size)
                yield number, run
                position = start + len(run) // size * (size + 1)
            else:
                yield number, _slice(message, position, size)
                position += size
        else:
            raise WireError(f"unknown wire type {wire_type}")


def as_message(value: Value) -> memoryview:
    """Return the bytes of a value.

    Raises:
        WireError: it is a varint.
    """
    if isinstance(value, int):
        raise WireError("a number where a message is expected")
    return value


def read_varints(value: Value) -> list[int]:
    """Return the integers of a repeated field, packed or not, as unsigned 64-bit numbers."""
    if isinstance(value, int):
        return [value]
    numbers, position = [], 0
    while position < len(value):
        number, position = _read_varint(value, position)
        numbers.append(number)
    return numbers


def _read_varint(message: memoryview, position: int) -> tuple[int, int]:
    """Return a varint and the position after it."""
    number = 0
    for count, byte in enumerate(message[position : position + _MAX_VARINT_BYTES]):
        number |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            return number, position + count + 1
    raise WireError("a varint is truncated or too long")


def _slice(message: memoryview, position: int, size: int) -> memoryview:
    """Return `size` bytes of a message, which must have them."""
    if size > len(message) - position:
        raise WireError(f"{size} bytes expected, {len(message) - position} found")
    return message[position : position + size]


def _read_run(message: memoryview, size: int) -> memoryview:
    """Return the values of the consecutive fields at the start that have the same one-byte tag."""
    records = np.frombuffer(message[: len(message) // (size + 1) * (size + 1)], np.uint8)
    records = records.reshape(-1, size + 1)
    others = np.flatnonzero(records[:, 0] != message[0])
    count = int(others[0]) if len(others) else len(records)
    if not count:
        raise WireError("a fixed-size value is truncated")
    return memoryview(records[:count, 1:].tobytes())
