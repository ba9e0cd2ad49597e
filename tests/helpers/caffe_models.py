"""Caffe models with the layers of ``colorization_release_v2.caffemodel``.

The published file has 129 MB. OpenCV 4.10 was run once with values that depend only on names and
shapes.
"""

import functools
import math
import struct
import zlib

import numpy as np

NORM_FACTOR = 999.98236
"""Third blob of batch norms: the weight of the sums in the others."""
GAINS = {"bw_conv1_1": 1 / 50, "conv8_313": 3}
"""Factors of generated weights by layer; 1 if not listed."""


def layer_shapes():
    """Return the shapes of the blobs by layer."""
    shapes, channels = {}, 1
    for block, (width, count) in enumerate(
        ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3), (512, 3), (512, 3)), start=1
    ):
        for n in range(1, count + 1):
            name = "bw_conv1_1" if (block, n) == (1, 1) else f"conv{block}_{n}"
            shapes[name] = [(width, channels, 3, 3), (width,)]
            channels = width
        shapes[f"conv{block}_{count}norm"] = [(width,), (width,), (1,)]
    return shapes | {
        "conv8_1": [(512, 256, 4, 4), (256,)],
        "conv8_2": [(256, 256, 3, 3), (256,)],
        "conv8_3": [(256, 256, 3, 3), (256,)],
        "conv8_313": [(313, 256, 1, 1), (313,)],
    }


def make_blobs(name, shapes):
    """Return the generated blobs of a layer."""
    n = [
        np.random.RandomState(zlib.crc32(f"{name}.{number}".encode())).standard_normal(shape)
        for number, shape in enumerate(shapes)
    ]
    if name.endswith("norm"):
        return [0.1 * n[0] * NORM_FACTOR, (1 + 0.1 * np.abs(n[1])) * NORM_FACTOR, [NORM_FACTOR]]
    n[0] *= math.sqrt(2 / math.prod(shapes[0][1:])) * GAINS.get(name, 1)
    return [n[0], 0.1 * n[1]]


@functools.cache
def make_layers():
    """Return the generated blobs of all layers, float32."""
    return {
        name: [np.asarray(blob, np.float32) for blob in make_blobs(name, shapes)]
        for name, shapes in layer_shapes().items()
    }


def empty_layers(**changes):
    """Return layers whose blobs have no values, except for `changes`."""
    layers = {name: [np.zeros(0)] * len(shapes) for name, shapes in layer_shapes().items()}
    return layers | changes


def make_bins():
    """Return the generated color bins, (313, 2) float64."""
    return np.random.RandomState(zlib.crc32(b"pts_in_hull")).uniform(-110, 110, (313, 2))


def make_lightness(height, width):
    """Return the L* of the reference outputs, (1, 1, height, width) float32."""
    rng = np.random.RandomState(zlib.crc32(f"caffe_eccv16/{height}x{width}".encode()))
    return rng.uniform(0, 100, (1, 1, height, width)).astype(np.float32)


def write_caffe_model(path, layers, version=2, packed=True, dtype=np.float32):
    """Write a Caffe model with blobs by layer; version 1 is the format before 2015."""
    layer_field, name_field, blob_field = {1: (2, 4, 6), 2: (100, 1, 7)}[version]
    chunks = [_field(1, b"LtoAB")]
    for name, blobs in layers.items():
        fields = [_field(name_field, name.encode())]
        if version == 2:
            fields += [_field(2, b"Convolution"), _field(3, b"bottom"), _field(4, b"top")]
        fields += [_field(blob_field, _blob(blob, version, packed, dtype)) for blob in blobs]
        chunks.append(_field(layer_field, b"".join(fields)))
    path.write_bytes(b"".join(chunks))
    return path


def _blob(array, version, packed, dtype):
    """Return a ``BlobProto`` message."""
    number = {np.float32: 5, np.float64: 8}[dtype]
    raw = np.asarray(array, dtype).tobytes()
    if not packed:
        wire_type, size = {5: (5, 4), 8: (1, 8)}[number]
        records = np.full((len(raw) // size, size + 1), number << 3 | wire_type, np.uint8)
        records[:, 1:] = np.frombuffer(raw, np.uint8).reshape(-1, size)
        values = records.tobytes()
    else:
        values = _field(number, raw)
    if version == 1:
        sizes = (1,) * (4 - array.ndim) + array.shape
        return b"".join(bytes([n << 3]) + _varint(d) for n, d in enumerate(sizes, 1)) + values
    dims = b"".join(_varint(d) for d in array.shape)
    return values + _field(7, _field(1, dims))


def _field(number, payload):
    """Return a length-delimited field."""
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _varint(number):
    parts = []
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return struct.pack(f"{len(parts) + 1}B", *parts, number)
