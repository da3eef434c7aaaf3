"""How messages of Envoy's interface are declared: protobuf's types, and Envoy's rules on values.

Facts (the protobuf definitions in the binaries of Envoy 1.36.4 and 1.40.0):

1. A field may be written as in the definition or in lowerCamelCase, in no other way.
2. Rules on length count characters or bytes (of UTF-8), and hold for an absent text too, which is an empty one.
   Of a oneof only the member that is set is checked.
3. A header's name or value in the configuration may hold anything but NUL, CR and LF.
4. BoolValue, UInt32Value and their like are written as the value, or as ``{value: ...}``.
5. An Any is a mapping with ``@type``, whose last part names the message.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

from canarysim.manifests.fields import ANY, DialectType, Effect, Field, ListOf, Message, Whole

if TYPE_CHECKING:
    from collections.abc import Mapping as MappingOf

    from canarysim.manifests.document import Node
    from canarysim.manifests.fields import Record, Type

__all__ = [
    "DOUBLE",
    "DURATION",
    "HEADER_NAME",
    "HEADER_TEXT",
    "HEADER_VALUE",
    "INT64",
    "NONEMPTY",
    "Any",
    "Double",
    "Duration",
    "Packed",
    "Proto",
    "Text",
    "Wrapped",
    "camel_case",
    "inert",
]

INT64 = Whole(-(2**63), 2**63 - 1)


@attrs.frozen
class Text(DialectType):
    """A string under rules: length in characters, in bytes, a pattern, no NUL, CR and LF (facts 2 and 3)."""

    least: int = 0
    most: int | None = None
    most_bytes: int | None = None
    pattern: str = ""
    one_line: bool = False

    def why_bad(self, text: str) -> str:
        """What is wrong with a text, to complete a sentence; empty for a good one."""
        if len(text) < self.least:
            return "must not be empty"
        if self.most is not None and len(text) > self.most:
            return f"has {len(text)} characters, and at most {self.most} are allowed"
        if self.most_bytes is not None and len(text) * 4 > self.most_bytes:
            size = len(text.encode("utf-8", "surrogatepass"))
            if size > self.most_bytes:
                return f"has {size} bytes, and at most {self.most_bytes} are allowed"
        if self.one_line and _BREAKS.search(text):
            return "must not hold NUL, CR or LF"
        if self.pattern and not re.search(self.pattern, text):
            return f"is {text!r}, which does not match {self.pattern}"
        return ""


_BREAKS = re.compile(r"[\x00\r\n]")

NONEMPTY = Text(least=1)
HEADER_TEXT = Text(one_line=True)
HEADER_NAME = Text(least=1, one_line=True)
HEADER_VALUE = Text(most_bytes=16384, one_line=True)


@attrs.frozen
class Wrapped(DialectType):
    """A value in a message of its own (fact 4), so that it may be absent; read as the value."""

    item: Type


@attrs.frozen
class Double(DialectType):
    """A fractional number; read as a float."""


@attrs.frozen
class Duration(DialectType):
    """A duration; read as nanoseconds, which may be negative."""


DOUBLE, DURATION = Double(), Duration()


@attrs.frozen
class Any:
    """The value of a Packed field: the full name of the message, and its record where the message is declared."""

    type: str
    node: Node
    path: str
    record: Record | None = None


@attrs.frozen
class Packed(DialectType):
    """An Any (fact 5); the messages that are read, by full name."""

    messages: MappingOf[str, Proto] = attrs.field(factory=dict)


class Proto(Message):
    """A message of Envoy's interface.

    ``choices`` are the oneofs of which one member must be set. A ``partial`` message is declared as far as it
    is read, and other fields in it are nobody's business here. The fields of one that holds itself are given
    afterwards, by ``define``.
    """

    __slots__ = ("choices", "needs", "partial")

    def __init__(
        self, name: str, fields: tuple[Field, ...] = (), *, choices: tuple[str, ...] = (), partial: bool = False
    ) -> None:
        super().__init__(name, ())
        self.choices = choices
        self.partial = partial
        self.needs: tuple[Field, ...] = ()
        self.define(*fields)

    def define(self, *fields: Field) -> None:
        """Gives the message its fields."""
        self.fields = fields
        for field in fields:
            self._by_name[field.name] = self._by_name[camel_case(field.name)] = field, None
        self.needs = tuple(field for field in fields if not field.oneof and _needed(field))

    @property
    def names(self) -> list[str]:
        """The fields as the definition spells them."""
        return [field.name for field in self.fields]


def camel_case(name: str) -> str:
    """The other spelling of a field's name (fact 1)."""
    return re.sub("_(.)", lambda found: found[1].upper(), name)


def _needed(field: Field) -> bool:
    """Whether an absent field breaks its rules (fact 2)."""
    kind = field.type
    return (
        field.required
        or (isinstance(kind, Text) and kind.least > 0)
        or (isinstance(kind, ListOf) and kind.least > 0)
        or (isinstance(kind, Whole) and kind.low > 0)
    )


def inert(note: str, *names: str, since: str = "") -> tuple[Field, ...]:
    """Fields that move no decision, whatever stands in them."""
    return tuple(Field(name, ANY, Effect.INERT, note, since=since) for name in names)
