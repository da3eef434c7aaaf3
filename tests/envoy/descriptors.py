"""The protobuf definitions that an Envoy binary carries: every field, its type, and the rules on its values.

A binary holds each file of its interface as a serialized FileDescriptorProto. It is found by its name, which is
the first thing in it, and read with as much of protobuf's wire format as that takes. The rules are the
extension 1071 of the options of fields and oneofs.
"""

import functools
import mmap
from collections.abc import Iterator, Mapping
from typing import Any, Final

from attrs import field, frozen

from .envoys import Version, require_envoy

_TYPES: Final = {
    1: "double",
    2: "float",
    3: "int64",
    4: "uint64",
    5: "int32",
    8: "bool",
    9: "string",
    11: "message",
    12: "bytes",
    13: "uint32",
    14: "enum",
}
_RULES: Final = 1071
#: The numbers of FileDescriptorProto's fields.
_FILE_FIELDS: Final = frozenset([*range(1, 13), 14])


@frozen
class ProtoField:
    """A field; ``type_name`` is the full name of a message or enum; ``rules`` are by number, raw."""

    name: str
    type: str
    type_name: str
    repeated: bool
    oneof: str
    json_name: str
    rules: Mapping[int, Any] = field(factory=dict)


@frozen
class ProtoMessage:
    name: str
    fields: Mapping[str, ProtoField]
    required_oneofs: frozenset[str]


@frozen
class Definitions:
    """Messages, and the names of enums' values in the order of their numbers, by full name."""

    messages: Mapping[str, ProtoMessage]
    enums: Mapping[str, Mapping[int, str]]


@functools.cache
def definitions(version: Version, *files: str) -> Definitions:
    """What the files (``envoy/config/route/v3/route.proto``) define."""
    messages: dict[str, ProtoMessage] = {}
    enums: dict[str, Mapping[int, str]] = {}
    with (
        require_envoy(version).open("rb") as binary,
        mmap.mmap(binary.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        for name in files:
            file = _file(content, name.encode())
            package = file[2][0].decode()
            for message in file.get(4, []):
                _message(fields_of(message), package, messages, enums)
            for enum in file.get(5, []):
                _enum(fields_of(enum), package, enums)
    return Definitions(messages, enums)


def _file(content: mmap.mmap, name: bytes) -> dict[int, list[Any]]:
    start = content.find(b"\n" + bytes([len(name)]) + name + b"\x12")
    assert start >= 0, f"the binary does not define {name.decode()}"
    return fields_of(content[start : start + 400_000], _FILE_FIELDS)


def fields_of(data: bytes, known: frozenset[int] | None = None) -> dict[int, list[Any]]:
    """The values by field number. With ``known``, reading ends before a field that is not of them."""
    found: dict[int, list[Any]] = {}
    for number, value in _pairs(data, known):
        found.setdefault(number, []).append(value)
    return found


def _pairs(data: bytes, known: frozenset[int] | None) -> Iterator[tuple[int, Any]]:
    at = 0
    while at < len(data):
        key, after = _varint(data, at)
        number, wire = key >> 3, key & 7
        if known is not None and (number not in known or wire not in (0, 2)):
            return
        value: Any
        if wire == 0:
            value, at = _varint(data, after)
        elif wire == 2:
            length, after = _varint(data, after)
            value, at = data[after : after + length], after + length
        else:
            size = 8 if wire == 1 else 4
            value, at = data[after : after + size], after + size
        yield number, value
        if known is not None and number == 12:
            return


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def _text(found: dict[int, list[Any]], number: int) -> str:
    return found[number][0].decode() if number in found else ""


def _message(
    found: dict[int, list[Any]],
    scope: str,
    messages: dict[str, ProtoMessage],
    enums: dict[str, Mapping[int, str]],
) -> None:
    name = f"{scope}.{_text(found, 1)}"
    for nested in found.get(3, []):
        _message(fields_of(nested), name, messages, enums)
    for enum in found.get(4, []):
        _enum(fields_of(enum), name, enums)
    oneofs = [fields_of(each) for each in found.get(8, [])]
    fields = {}
    for each in found.get(2, []):
        one = fields_of(each)
        oneof = "" if 9 not in one or 17 in one else _text(oneofs[one[9][0]], 1)
        fields[_text(one, 1)] = ProtoField(
            _text(one, 1),
            _TYPES[one[5][0]],
            _text(one, 6).removeprefix("."),
            one[4][0] == 3,
            oneof,
            _text(one, 10),
            _rules(one, 8),
        )
    required = frozenset(_text(each, 1) for each in oneofs if 2 in each and _RULES in fields_of(each[2][0]))
    messages[name] = ProtoMessage(name, fields, required)


def _enum(found: dict[int, list[Any]], scope: str, enums: dict[str, Mapping[int, str]]) -> None:
    values = [fields_of(each) for each in found.get(2, [])]
    enums[f"{scope}.{_text(found, 1)}"] = {each.get(2, [0])[0]: _text(each, 1) for each in values}


def _rules(found: dict[int, list[Any]], options: int) -> dict[int, Any]:
    """The rules of a field: by number of their kind (14: string), each with its own by number."""
    if options not in found:
        return {}
    rules = fields_of(found[options][0]).get(_RULES)
    if not rules:
        return {}
    return {kind: fields_of(value[0]) for kind, value in fields_of(rules[0]).items()}
