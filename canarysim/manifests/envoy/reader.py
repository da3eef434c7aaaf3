"""Reads the nodes of an Envoy configuration by declaration.

Facts (observed on Envoy 1.36.4 and 1.40.0):

1. A list may be written as its only item; lists in lists are one flat list.
2. Null is the same as an absent field; in a list it is an empty text or an empty message.
3. Of a field that stands in both spellings either may win, and lists are joined in either order: YAML goes
   through a table whose order changes from time to time.
"""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING
from typing import Any as Anything

from canarysim.errors import near
from canarysim.manifests.document import Mapping, Scalar, Sequence
from canarysim.manifests.envoy.scalars import (
    is_null,
    to_bool,
    to_choice,
    to_double,
    to_nanoseconds,
    to_text,
    to_whole,
)
from canarysim.manifests.envoy.types import (
    INT64,
    Any,
    Double,
    Duration,
    Packed,
    Proto,
    Text,
    Wrapped,
    camel_case,
)
from canarysim.manifests.fields import (
    ANY,
    BOOL,
    INT32,
    STRING,
    EnumOf,
    Field,
    ListOf,
    MapOf,
    Reader,
    Record,
    Whole,
    last_name,
)
from canarysim.manifests.scalars import WrongType
from canarysim.problems import Problem, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from canarysim.manifests.document import Node
    from canarysim.manifests.fields import Message, Type

__all__ = ["EnvoyReader"]


class EnvoyReader(Reader):
    """A reader with Envoy's leniencies and rules.

    ``envoy`` is the version whose fields and spellings of numbers are taken; ``json`` whether the scalars stand
    in JSON text (or come from Python values) instead of YAML.
    """

    def __init__(self, file: str, resource: str = "", *, envoy: str = "1.40", json: bool = False) -> None:
        super().__init__(file, resource)
        self.envoy = envoy
        self.json = json
        #: The names of the connection manager's fault filters.
        self.fault_filters: tuple[str, ...] = ()

    def message(self, message: Message, node: Node, path: str, *, packed: bool = False) -> Record | None:
        """A record of a message that was declared as a Proto; see Reader.message.

        ``packed`` lets ``@type`` pass, which a message has in an Any and among resources.
        What breaks a rule is a problem too: ``missing_field``, ``missing_choice``, ``bad_value``.
        """
        if packed and isinstance(node, Mapping):
            node = node.without("@type")
        record = super().message(message, node, path)
        if record is not None and not record.misspelt:
            self._complete(record)
        return record

    def _complete(self, record: Record) -> None:
        """Says which fields are missing."""
        message = record.message
        assert isinstance(message, Proto)
        for field in message.needs:
            if field.name not in record.keys and not field.since > self.envoy:
                record.report("missing_field", f"{message.name} needs {field.name}", None, _advice(field))
        for choice in message.choices:
            if choice not in record.chosen:
                names = [f.name for f in message.fields if f.oneof == choice and not f.since > self.envoy]
                record.report(
                    "missing_choice", f"{message.name} needs one of {', '.join(names)}", None, f"add {names[0]}"
                )

    def value(self, kind: Type, node: Node, path: str) -> Anything:
        """The value of a node where a type is expected; None after a problem."""
        if isinstance(kind, Proto):
            return self.message(kind, node, path)
        if isinstance(kind, ListOf):
            return self._list(kind, node, path)
        if isinstance(kind, MapOf):
            return self._map(kind, node, path)
        if kind is ANY:
            return node
        if isinstance(kind, Packed):
            return self._packed(kind, node, path)
        if isinstance(kind, Wrapped):
            return self._wrapped(kind, node, path)
        if isinstance(kind, Duration) and isinstance(node, Mapping):
            return self._long_duration(node, path)
        if not isinstance(node, Scalar):
            what = "true or false" if kind is BOOL else "a string" if isinstance(kind, Text) else "a single value"
            self.error("wrong_type", f"{last_name(path)} must be {what}, not {node.kind}", node, path)
            return None
        try:
            return self._scalar(kind, node, path)
        except WrongType as wrong:
            self.error("wrong_type", f"{last_name(path)} {wrong.message}", node, path, wrong.hint)
            return None

    def _scalar(self, kind: Type, node: Scalar, path: str) -> Anything:
        json = self.json
        if isinstance(kind, Text):
            text = to_text(node, json)
            if why := kind.why_bad(text):
                self.error("bad_value", f"{last_name(path)} {why}", node, path)
                return None
            return text
        if kind is STRING:
            return to_text(node, json)
        if kind is BOOL:
            return to_bool(node, json)
        if isinstance(kind, EnumOf):
            return to_choice(node, json, kind.names)
        if isinstance(kind, Duration):
            return to_nanoseconds(node, json)
        if isinstance(kind, Double):
            return to_double(node, json)
        assert isinstance(kind, Whole)
        return to_whole(node, json, self.envoy, kind.low, kind.high)

    def _list(self, kind: ListOf, node: Node, path: str) -> list[Anything] | None:
        """Facts 1 and 2."""
        nodes = list(_flat(node, path)) if isinstance(node, Sequence) else [(node, path)]
        values = []
        for item, inner in nodes:
            if isinstance(item, Scalar) and is_null(item):
                if isinstance(kind.item, Proto):
                    empty = Mapping.empty(item)
                    values.append(self.message(kind.item, empty, inner))
                    continue
                if kind.item is not STRING and not isinstance(kind.item, Text):
                    self.error("wrong_type", f"{last_name(inner)} must not be null", item, inner)
                    continue
            values.append(self.value(kind.item, item, inner))
        if not kind.least <= len(nodes) <= kind.most:
            limit = f"at least {kind.least}" if len(nodes) < kind.least else f"at most {kind.most}"
            self.error("bad_value", f"{last_name(path)} has {len(nodes)} items and needs {limit}", node, path)
        return [value for value in values if value is not None]

    def _map(self, kind: MapOf, node: Node, path: str) -> dict[str, Anything] | None:
        if not isinstance(node, Mapping):
            self.error("wrong_type", f"{last_name(path)} must be a mapping, not {node.kind}", node, path)
            return None
        pairs = {key: self.value(kind.item, inner, f"{path}.{key}") for key, (_, inner) in node.entries.items()}
        return {key: value for key, value in pairs.items() if value is not None}

    def _wrapped(self, kind: Wrapped, node: Node, path: str) -> Anything:
        if not isinstance(node, Mapping):
            return self.value(kind.item, node, path)
        default: bool | int | str
        form, default = (_BOOL_VALUE, False) if kind.item is BOOL else (_NUMBER_VALUE, 0)
        if kind.item is STRING:
            form, default = _STRING_VALUE, ""
        record = self.message(form, node, path)
        if record is None or "value" in record.damaged:
            return None
        value = record.get("value", default)
        if isinstance(kind.item, Whole) and not kind.item.low <= value <= kind.item.high:
            self.error("wrong_type", f"{last_name(path)} is {value}, out of its range", node, path)
            return None
        return value

    def _long_duration(self, node: Mapping, path: str) -> int | None:
        record = self.message(_LONG_DURATION, node, path)
        return None if record is None else record.get("seconds", 0) * 10**9 + record.get("nanos", 0)

    def _packed(self, kind: Packed, node: Node, path: str) -> Any | None:
        if not isinstance(node, Mapping):
            self.error("wrong_type", f"{last_name(path)} must be a mapping, not {node.kind}", node, path)
            return None
        named = node.get("@type")
        if not isinstance(named, Scalar):
            self.error(
                "missing_field", f"{last_name(path)} needs @type", node, path, "name the type of the message"
            )
            return None
        host, slash, name = named.text.rpartition("/")
        if not (host and slash and name):
            hint = f"write type.googleapis.com/{name}"
            self.error("bad_value", f"@type is {named.text!r}, which names no type", named, f"{path}.@type", hint)
            return None
        message = kind.messages.get(name)
        record = None if message is None else self.message(message, node, path, packed=True)
        return Any(name, node, path, record)

    def _both_spellings(self, field: Field, key: str, other: str, node: Node, path: str) -> None:
        """Fact 3."""
        text = f"{key} and {other} are two spellings of one field, and which counts is not fixed"
        self.error("both_spellings", text, node, path, "keep one of the two")

    def _unknown_field(self, record: Record, key: str, node: Node, path: str) -> None:
        """Says that a message has no such field, or not in this version; in a partial one only a warning
        where the field is very much like one that is read.
        """
        message = record.message
        assert isinstance(message, Proto)
        found = message.lookup(key)
        if message.partial:
            if found is None:
                self._perhaps_misspelt(message, key, node, path)
            return
        record.misspelt = True
        if found is not None:
            self.error(
                "unknown_field",
                f"{message.name} has {key} since Envoy {found[0].since} only, and this is read as {self.envoy}",
                node,
                path,
                f'read it with envoy="{found[0].since}", or remove it',
            )
        elif key == "<<":
            hint = "write the fields out, or use an alias for the whole value"
            self.error("unknown_field", "Envoy does not merge mappings with <<", node, path, hint)
        else:
            names = message.names
            similar = [name for name in names if camel_case(name).lower() == key.lower()] or near(key, names, 1)
            inside = [
                f"{f.name}.{key}" for f in message.fields if isinstance(f.type, Proto) and f.type.lookup(key)
            ]
            listed = f"{message.name} has {', '.join(names[:8])}{', ...' if len(names) > 8 else ''}"
            hint = f"did you mean {(similar or inside)[0]}?" if similar or inside else listed
            self.error("unknown_field", f"unknown field {key!r} in {message.name}", node, path, hint)

    def _perhaps_misspelt(self, message: Proto, key: str, node: Node, path: str) -> None:
        similar = [
            name for name in message.names if len(key) > 6 and SequenceMatcher(None, key, name).ratio() > 0.9
        ]
        if similar:
            text = f"{key} is not read; {message.name} has {similar[0]}"
            where = self.where(node, path)
            hint = f"did you mean {similar[0]}?"
            self.problems.append(Problem("misspelt_field", Severity.WARNING, text, where, hint))


_BOOL_VALUE = Proto("BoolValue", (Field("value", BOOL),))
_NUMBER_VALUE = Proto("UInt32Value", (Field("value", INT64),))
_STRING_VALUE = Proto("StringValue", (Field("value", STRING),))
_LONG_DURATION = Proto("Duration", (Field("seconds", INT64), Field("nanos", INT32)))


def _flat(node: Sequence, path: str) -> Iterator[tuple[Node, str]]:
    """The items of a list and of the lists in it, with their paths."""
    for number, item in enumerate(node.items):
        inner = f"{path}[{number}]"
        if isinstance(item, Sequence):
            yield from _flat(item, inner)
        else:
            yield item, inner


def _advice(field: Field) -> str:
    return f"add {field.name}: [...]" if isinstance(field.type, ListOf) else f"add {field.name}"
