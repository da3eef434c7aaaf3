"""Fields as a dialect declares them, and the one reader that all declarations drive.

A field is declared once: its name, its type, its older spellings, and what it does to answers:

- ``SIMULATED``: canarysim acts on it.
- ``INERT``: it cannot move a decision (a timeout, a retry, authentication); it is accepted and kept.
- ``UNSIMULATED``: it could change a decision, or the ``parts`` of one that it names, and canarysim does not
  act on it: those answers are unknown, with a problem that names the field. It is never skipped.

Unknown fields, wrong types and two members of a oneof are problems with a place.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs

from canarysim.errors import near
from canarysim.manifests.document import Mapping, Node, Scalar, Sequence
from canarysim.manifests.scalars import (
    WrongType,
    is_null,
    to_bool,
    to_duration,
    to_float,
    to_int,
    to_name,
    to_text,
)
from canarysim.problems import Problem, Severity, Where

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from canarysim.errors import InvalidValue

    #: Brings a record of an older message into the shape of today's.
    Lift = Callable[["Record"], Any]

__all__ = [
    "ANY",
    "BOOL",
    "DURATION",
    "FLOAT",
    "INT32",
    "STRING",
    "UINT32",
    "DialectType",
    "Effect",
    "EnumOf",
    "Field",
    "Legacy",
    "ListOf",
    "MapOf",
    "Message",
    "Reader",
    "Record",
    "Whole",
    "last_name",
    "shown",
]


class Effect(Enum):
    """What a field does to answers; see the module."""

    SIMULATED = "simulated"
    INERT = "inert"
    UNSIMULATED = "unsimulated"


class _Plain(Enum):
    STRING = "a string"
    BOOL = "true or false"
    FLOAT = "a number"
    DURATION = "a duration"
    ANY = "anything"


#: ``FLOAT`` is a number with a fraction; ``DURATION`` is read as nanoseconds; ``ANY`` is kept as a node.
STRING, BOOL, FLOAT, DURATION, ANY = _Plain.STRING, _Plain.BOOL, _Plain.FLOAT, _Plain.DURATION, _Plain.ANY


class Whole(NamedTuple):
    """A whole number from ``low`` to ``high``."""

    low: int
    high: int


UINT32 = Whole(0, 2**32 - 1)
INT32 = Whole(-(2**31), 2**31 - 1)


class EnumOf(NamedTuple):
    """One of ``names``, written as the name or as its number; read as the name."""

    names: tuple[str, ...]


class ListOf(NamedTuple):
    """Items of a type, at least ``least`` and at most ``most`` of them where the dialect says so."""

    item: Type
    least: int = 0
    most: int = 2**31


class MapOf(NamedTuple):
    item: Type


class DialectType:
    """A type that a dialect adds to those here, and that its own reader reads."""

    __slots__ = ()


class Legacy(NamedTuple):
    """An older spelling: ``name`` beside today's fields, with a ``type`` of its own that ``lift`` translates."""

    name: str
    type: Type
    lift: Lift


class Field(NamedTuple):
    name: str
    type: Type
    effect: Effect = Effect.SIMULATED
    note: str = ""
    parts: tuple[str, ...] = ()
    oneof: str = ""
    legacy: tuple[Legacy, ...] = ()
    required: bool = False
    #: The first version that has the field; empty where all do.
    since: str = ""


class Message:
    """A named group of fields."""

    __slots__ = ("_by_name", "fields", "name")

    def __init__(self, name: str, fields: tuple[Field, ...]) -> None:
        self.name = name
        self.fields = fields
        self._by_name: dict[str, tuple[Field, Legacy | None]] = {}
        for field in fields:
            self._by_name[field.name] = field, None
            for legacy in field.legacy:
                self._by_name[legacy.name] = field, legacy

    def lookup(self, key: str) -> tuple[Field, Legacy | None] | None:
        """The field that a key names, and the older spelling if it is one."""
        return self._by_name.get(key)

    @property
    def names(self) -> list[str]:
        return list(self._by_name)


Type = _Plain | Whole | EnumOf | ListOf | MapOf | Message | DialectType


class Record:
    """A message as it stands in the text: values by field name, and where each stands."""

    __slots__ = ("chosen", "damaged", "keys", "message", "misspelt", "node", "path", "reader", "values")

    def __init__(self, reader: Reader, message: Message, node: Node, path: str) -> None:
        self.reader = reader
        self.message = message
        self.node = node
        self.path = path
        self.values: dict[str, Any] = {}
        self.keys: dict[str, tuple[Node, str]] = {}
        self.damaged: set[str] = set()
        #: The key that stands for each oneof.
        self.chosen: dict[str, str] = {}
        self.misspelt = False

    def lacks(self, *names: str) -> bool:
        """Whether none of the fields is written here, as against written wrongly, which has been said."""
        return not self.misspelt and not any(name in self.values or name in self.damaged for name in names)

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def get(self, name: str, default: Any = None) -> Any:
        return self.values.get(name, default)

    def where(self, name: str | None = None) -> Where:
        """The place of a field, or of the message itself."""
        node, path = self.keys.get(name, (self.node, self.path)) if name else (self.node, self.path)
        return self.reader.where(node, path)

    def report(self, code: str, message: str, name: str | None = None, hint: str = "") -> Problem:
        """Adds an error about a field, or about the message itself, and returns it."""
        return self._add(Problem(code, Severity.ERROR, message, self.where(name), hint))

    def wrong(self, error: InvalidValue, name: str | None = None) -> Problem:
        """A value that cannot exist, at the place where it stands."""
        return self.report(error.code, str(error), name, error.values.get("hint", ""))

    def warn(self, code: str, message: str, name: str | None = None, hint: str = "") -> Problem:
        """Adds a warning, and returns it."""
        return self._add(Problem(code, Severity.WARNING, message, self.where(name), hint))

    def note(self, code: str, message: str, name: str | None = None, hint: str = "") -> Problem:
        """Adds a note, and returns it."""
        return self._add(Problem(code, Severity.INFO, message, self.where(name), hint))

    def _add(self, problem: Problem) -> Problem:
        self.reader.problems.append(problem)
        return problem


class Reader:
    """Reads the nodes of one resource by declaration, and collects what is wrong with them."""

    #: The version of Envoy that the resource is read for, where that matters.
    envoy = "1.36"

    def __init__(self, file: str, resource: str = "") -> None:
        self.file = file
        self.resource = resource
        self.problems: list[Problem] = []

    def name_resource(self, resource: str) -> None:
        """Says whose nodes are read, once that is known; problems found before learn it too."""
        self.resource = resource
        self.problems[:] = [attrs.evolve(p, where=attrs.evolve(p.where, resource=resource)) for p in self.problems]

    def where(self, node: Node, path: str) -> Where:
        return Where(self.file, node.line, node.column, path, self.resource)

    def error(self, code: str, message: str, node: Node, path: str, hint: str = "") -> None:
        self.problems.append(Problem(code, Severity.ERROR, message, self.where(node, path), hint))

    def message(self, message: Message, node: Node, path: str) -> Record | None:
        """A record of the fields that stand in a mapping; None, after a problem, where there is no mapping."""
        if not isinstance(node, Mapping):
            self.error("wrong_type", f"{last_name(path)} must be a mapping, not {shown(node)}", node, path)
            return None
        record = Record(self, message, node, path)
        for key, (key_node, value_node) in node.entries.items():
            found = message.lookup(key)
            inner = f"{path}.{key}" if path else key
            if found is None or found[0].since > self.envoy:
                self._unknown_field(record, key, key_node, inner)
                continue
            if isinstance(value_node, Scalar) and is_null(value_node):
                continue
            field, legacy = found
            if field.name in record.keys:
                self._both_spellings(field, key, last_name(record.keys[field.name][1]), key_node, inner)
                continue
            if field.oneof:
                other = record.chosen.setdefault(field.oneof, key)
                if other != key and not self._takes_instead(record, field, other, key_node, inner):
                    continue
            record.keys[field.name] = key_node, inner
            problems = len(self.problems)
            value = self.value(legacy.type if legacy else field.type, value_node, inner)
            if value is not None:
                record.values[field.name] = legacy.lift(value) if legacy else value
            if len(self.problems) > problems:
                record.damaged.add(field.name)
        return record

    def value(self, kind: Type, node: Node, path: str) -> Any:
        """The value of a node where a type is expected; None after a problem."""
        if kind is ANY:
            return node
        if isinstance(kind, Message):
            return self.message(kind, node, path)
        if isinstance(kind, ListOf):
            if not isinstance(node, Sequence):
                self.error(
                    "wrong_type",
                    f"{last_name(path)} must be a list, not {shown(node)}",
                    node,
                    path,
                    "begin each item with '- '",
                )
                return None
            values = [self.value(kind.item, item, f"{path}[{i}]") for i, item in enumerate(node.items)]
            return [value for value in values if value is not None]
        if isinstance(kind, MapOf):
            if not isinstance(node, Mapping):
                self.error("wrong_type", f"{last_name(path)} must be a mapping, not {shown(node)}", node, path)
                return None
            pairs = {k: self.value(kind.item, v, f"{path}.{k}") for k, (_, v) in node.entries.items()}
            return {k: v for k, v in pairs.items() if v is not None}
        if not isinstance(node, Scalar):
            what = kind.value if isinstance(kind, _Plain) else "a number" if isinstance(kind, Whole) else "a name"
            self.error("wrong_type", f"{last_name(path)} must be {what}, not {node.kind}", node, path)
            return None
        try:
            if kind is STRING:
                return to_text(node)
            if kind is BOOL:
                return to_bool(node)
            if kind is FLOAT:
                return to_float(node)
            if kind is DURATION:
                return to_duration(node)
            if isinstance(kind, EnumOf):
                return to_name(node, kind.names)
            assert isinstance(kind, Whole)
            return to_int(node, kind.low, kind.high)
        except WrongType as wrong:
            self.error("wrong_type", f"{last_name(path)} {wrong.message}", node, path, wrong.hint)
            return None

    def _takes_instead(self, record: Record, field: Field, other: str, node: Node, path: str) -> bool:
        """Says that a field and ``other`` exclude each other; whether it takes the place of ``other``."""
        text = f"{last_name(path)} and {other} exclude each other"
        self.error("several_of_oneof", text, node, path, "keep one of them")
        return False

    def _both_spellings(self, field: Field, key: str, other: str, node: Node, path: str) -> None:
        """Says that a field stands twice, as ``other`` and as ``key``."""
        text = f"{key} and {other} are two spellings of one field"
        self.error("both_spellings", text, node, path, f"keep {field.name} only")

    def _unknown_field(self, record: Record, key: str, node: Node, path: str) -> None:
        """Says that a message has no such field."""
        record.misspelt = True
        message = record.message
        similar = near(key.replace("_", ""), message.names, 1)
        inside = [f"{name}.{key}" for name, part in _parts(message) if part.lookup(key)]
        if similar:
            hint = f"did you mean {similar[0]}?"
        elif inside:
            hint = f"did you mean {inside[0]}?"
        else:
            hint = f"{message.name} has {_listed(message.names)}"
        self.error("unknown_field", f"unknown field {key!r} in {message.name}", node, path, hint)


def _parts(message: Message) -> Iterator[tuple[str, Message]]:
    """The messages in a message, and how their fields are written down."""
    for field in message.fields:
        if isinstance(field.type, Message):
            yield field.name, field.type
        elif isinstance(field.type, ListOf) and isinstance(field.type.item, Message):
            yield f"{field.name}[]", field.type.item


def last_name(path: str) -> str:
    """The end of a path, enough to name a field in a sentence: ``domains[0]``."""
    return path.rpartition(".")[2]


def shown(node: Node) -> str:
    """A value of the wrong kind as a sentence names it: ``'v1'``, ``a list``."""
    if not isinstance(node, Scalar):
        return node.kind
    return repr(node.text) if len(node.text) <= 60 else f"{node.text[:59]!r}..."


def _listed(names: list[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
