"""What a route asks of the dynamic metadata of a request.

Facts (Envoy documentation of MetadataMatcher; by the cases of Envoy's route table check tool):

1. Metadata that is missing satisfies no value matcher, ``present_match: false`` included; ``invert`` turns that
   around.
2. A number is of 64 bits with a fraction; a range has its start and not its end.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import attrs

from canarysim.errors import InvalidValue
from canarysim.request import octets
from canarysim.table.matchers import Matcher
from canarysim.table.strings import StringMatcher
from canarysim.table.values import as_tuple
from canarysim.table.views import View

if TYPE_CHECKING:
    from canarysim.table.behaviour import Behaviour
    from canarysim.table.http import Seen
    from canarysim.table.strings import Test

__all__ = ["ListValue", "MetadataMatcher", "NumberValue", "OrValue", "ValueMatcher"]


@attrs.frozen
class NumberValue:
    """A number from ``start`` to below ``end``, or exactly ``start`` where ``end`` is None."""

    start: float
    end: float | None = None

    def holds(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return value == self.start if self.end is None else self.start <= value < self.end

    def __str__(self) -> str:
        return f"is {self.start}" if self.end is None else f"is a number from {self.start} to below {self.end}"

    def to_envoy(self) -> dict[str, Any]:
        if self.end is None:
            return {"double_match": {"exact": self.start}}
        return {"double_match": {"range": {"start": self.start, "end": self.end}}}


@attrs.frozen
class ListValue:
    """A list one of whose items fulfils ``item``."""

    item: ValueMatcher

    def __str__(self) -> str:
        return f"has an item that {self.item.describe()}"


@attrs.frozen
class OrValue:
    """A value that fulfils one of ``any_of``."""

    any_of: tuple[ValueMatcher, ...] = attrs.field(converter=as_tuple)

    def __str__(self) -> str:
        return " or ".join(each.describe() for each in self.any_of)


@attrs.frozen
class ValueMatcher:
    """What a piece of metadata has to be.

    ``asks`` is a StringMatcher, a bool, a NumberValue, a ListValue, an OrValue, ``"null"``, ``"present"``, or
    ``"never"`` for ``present_match: false``, which nothing fulfils.
    """

    asks: StringMatcher | bool | NumberValue | ListValue | OrValue | str

    def holds(self, value: Any, envoy: Behaviour) -> bool:
        """Whether a JSON value fulfils it; ``...`` stands for one that is missing."""
        asks = self.asks
        if value is ... or asks == "never":
            return isinstance(asks, OrValue) and any(each.holds(value, envoy) for each in asks.any_of)
        if isinstance(asks, StringMatcher):
            return isinstance(value, str) and bool(asks.test(envoy)(octets(value)))
        if isinstance(asks, NumberValue):
            return asks.holds(value)
        if isinstance(asks, ListValue):
            return isinstance(value, list) and any(asks.item.holds(each, envoy) for each in value)
        if isinstance(asks, OrValue):
            return any(each.holds(value, envoy) for each in asks.any_of)
        if isinstance(asks, bool):
            return value is asks
        return asks == "present" or value is None

    def why_unknown(self, envoy: Behaviour) -> str | None:
        asks = self.asks
        inner = [asks.item] if isinstance(asks, ListValue) else asks.any_of if isinstance(asks, OrValue) else ()
        if isinstance(asks, StringMatcher):
            return asks.why_unknown(envoy)
        return next((why for each in inner if (why := each.why_unknown(envoy))), None)

    def describe(self) -> str:
        if isinstance(self.asks, StringMatcher):
            return self.asks.describe()
        words = {"null": "is null", "present": "is present", "never": "is what nothing can be"}
        if isinstance(self.asks, bool):
            return f"is {str(self.asks).lower()}"
        return words[self.asks] if isinstance(self.asks, str) else str(self.asks)

    def to_envoy(self) -> dict[str, Any]:
        asks = self.asks
        if isinstance(asks, StringMatcher):
            return {"string_match": asks.to_envoy()}
        if isinstance(asks, NumberValue):
            return asks.to_envoy()
        if isinstance(asks, ListValue):
            return {"list_match": {"one_of": asks.item.to_envoy()}}
        if isinstance(asks, OrValue):
            return {"or_match": {"value_matchers": [each.to_envoy() for each in asks.any_of]}}
        if isinstance(asks, bool):
            return {"bool_match": asks}
        return {"null_match": {}} if asks == "null" else {"present_match": asks == "present"}


@attrs.frozen
class MetadataView(View):
    """One piece of dynamic metadata as a JSON text, or None where it is missing."""

    filter: str
    path: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"metadata {'.'.join((self.filter, *self.path))}"

    def get(self, seen: Seen) -> str | None:
        value = seen.metadata.get(self.filter)
        for key in self.path:
            if not isinstance(value, dict) or key not in value:
                return None
            value = value[key]
        if value is None and not self.path:
            return None
        return json.dumps(value)


@attrs.frozen
class MetadataMatcher(Matcher):
    """A piece of the dynamic metadata of the request (fact 1)."""

    filter: str
    path: tuple[str, ...] = attrs.field(converter=as_tuple)
    value: ValueMatcher
    invert: bool = False

    def __attrs_post_init__(self) -> None:
        if not self.filter or not self.path or not all(self.path):
            raise InvalidValue("empty_name", "a metadata matcher needs a filter and a path of keys")

    @property
    def view(self) -> MetadataView:
        return MetadataView(self.filter, self.path)

    def test(self, envoy: Behaviour) -> Test:
        return lambda text: self.value.holds(... if text is None else json.loads(text), envoy) is not self.invert

    def why_unknown(self, envoy: Behaviour) -> str | None:
        return self.value.why_unknown(envoy)

    def describe(self) -> str:
        return f"not so that it {self.value.describe()}" if self.invert else self.value.describe()

    def to_envoy(self) -> dict[str, Any]:
        return {
            "filter": self.filter,
            "path": [{"key": key} for key in self.path],
            "value": self.value.to_envoy(),
            **({"invert": True} if self.invert else {}),
        }
