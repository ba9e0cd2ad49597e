"""The reader of protobuf messages, compared with the library of its authors."""

import struct

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from vidcolor.generators.store.protobuf import WireError, iterate_fields, read_varints


def make_message():
    """Return a message with each kind of field, written by the protobuf library."""
    file = descriptor_pb2.FileDescriptorProto(name="m.proto", package="m", syntax="proto2")
    kind = file.message_type.add(name="M")
    types = descriptor_pb2.FieldDescriptorProto
    for number, name, field_type, packed in (
        (1, "text", types.TYPE_STRING, None),
        (2, "sizes", types.TYPE_INT64, True),
        (3, "numbers", types.TYPE_INT64, False),
        (4, "floats", types.TYPE_FLOAT, True),
        (5, "unpacked", types.TYPE_FLOAT, False),
        (6, "doubles", types.TYPE_DOUBLE, False),
        (100, "far", types.TYPE_FIXED32, None),
    ):
        repeated = packed is not None
        field = kind.field.add(number=number, name=name, type=field_type)
        field.label = types.LABEL_REPEATED if repeated else types.LABEL_OPTIONAL
        if repeated:
            field.options.packed = packed
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    message = message_factory.GetMessageClass(pool.FindMessageTypeByName("m.M"))()
    message.text, message.far = "LtoAB", 7
    message.sizes.extend([1, 300, 2**40])
    message.numbers.extend([5, 600])
    message.floats.extend([0.5, -2.0])
    message.unpacked.extend([1.5, 2.5, 3.5])
    message.doubles.extend([0.25, 0.75])
    return memoryview(message.SerializeToString())


def test_fields_are_those_that_the_library_wrote():
    fields = list(iterate_fields(make_message()))
    assert [number for number, _ in fields] == [1, 2, 3, 3, 4, 5, 6, 100]
    values = dict(fields)
    assert bytes(values[1]) == b"LtoAB"
    assert read_varints(values[2]) == [1, 300, 2**40]
    assert [value for number, value in fields if number == 3] == [5, 600]
    assert struct.unpack("<2f", values[4]) == (0.5, -2.0)
    assert struct.unpack("<3f", values[5]) == (1.5, 2.5, 3.5)
    assert struct.unpack("<2d", values[6]) == (0.25, 0.75)
    assert struct.unpack("<I", values[100]) == (7,)


def test_truncated_message_is_refused_or_ends_between_two_fields():
    message = make_message()
    complete = list(iterate_fields(message))
    for size in range(len(message)):
        try:
            fields = list(iterate_fields(message[:size]))
        except WireError:
            continue
        numbers = [number for number, _ in fields]
        assert numbers == [number for number, _ in complete][: len(numbers)]


@pytest.mark.parametrize("data", [b"\x0b", b"\x80" * 11, b"\x0a\xff\xff\xff\xff\x7f", b"\x0d\0"])
def test_invalid_message_is_refused(data):
    with pytest.raises(WireError):
        list(iterate_fields(memoryview(data)))
