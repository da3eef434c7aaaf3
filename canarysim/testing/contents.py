"""Checks of what is said: what Envoy itself answers, and what it sends on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from canarysim.request import octets, readable
from canarysim.table.redirects import DirectResponseAction, RedirectAction
from canarysim.testing.expectations import NOTHING, Check

if TYPE_CHECKING:
    from canarysim.table.decision import Decision
    from canarysim.table.routes import Route

__all__ = ["Answers", "Headers", "Sent"]


@attrs.frozen
class Answers(Check):
    """``status``, ``redirect`` and ``body``: what Envoy itself answers."""

    name: str
    value: Any

    _ATTRIBUTES: ClassVar[dict[str, str]] = {"status": "status", "redirect": "location", "body": "body"}

    def _of(self, decision: Decision) -> Any:
        if self.name == "body":
            action = None if decision.matched is None else decision.matched.action
            responds = decision.kind == "direct_response" and isinstance(action, DirectResponseAction)
            return action.body if responds and isinstance(action, DirectResponseAction) else None
        return getattr(decision, self._ATTRIBUTES[self.name])

    def verdict(self, decision: Decision) -> bool | None:
        if decision.kind == "unknown" or (self.name == "redirect" and "location" in decision.open_parts):
            return None
        wanted = octets(self.value) if self.name == "redirect" else self.value
        return bool(self._of(decision) == wanted)

    @property
    def wanted(self) -> str:
        return repr(self.value) if self.name == "body" else str(self.value)

    def found(self, decision: Decision) -> str:
        value = self._of(decision)
        if value is None:
            return f"{NOTHING}: {decision.outcome}"
        return repr(value) if self.name == "body" else readable(str(value))

    @property
    def tells_routes(self) -> bool:
        return self.name != "status" or self.value not in (404, 503)

    def leads(self, route: Route) -> bool:
        action = route.action
        if self.name == "redirect":
            return isinstance(action, RedirectAction)
        return not self.tells_routes or getattr(action, self.name, None) == self.value


@attrs.frozen
class Sent(Check):
    """``path_rewrite`` and ``host_rewrite``: the path with query, or the host, as it goes upstream."""

    name: str
    value: str

    _PARTS: ClassVar[dict[str, str]] = {"path_rewrite": "path", "host_rewrite": "authority"}

    def verdict(self, decision: Decision) -> bool | None:
        part = self._PARTS[self.name]
        if decision.kind == "unknown" or (decision.kind == "forward" and part in decision.open_parts):
            return None
        return bool(getattr(decision, part) == octets(self.value))

    @property
    def wanted(self) -> str:
        return self.value

    def found(self, decision: Decision) -> str:
        value = getattr(decision, self._PARTS[self.name])
        return f"{NOTHING}: {decision.outcome}" if value is None else readable(str(value))


def _lower(name: str) -> str:
    return name.lower()


@attrs.frozen
class Headers(Check):
    """``request_headers`` and ``response_headers``: the values of a header, None for a header that is not there.

    The headers of a request are those that go upstream, those of an answer are of redirects and direct responses.
    """

    name: str
    header: str = attrs.field(converter=_lower)
    values: tuple[str, ...] | None

    def _of(self, decision: Decision) -> tuple[str, ...] | None:
        pairs = getattr(decision, self.name) or ()
        return tuple(value for name, value in pairs if name == self.header) or None

    def verdict(self, decision: Decision) -> bool | None:
        if decision.kind == "unknown":
            return None
        if getattr(decision, self.name) is None:
            part, kinds = {
                "request_headers": ("request_headers", ("forward",)),
                "response_headers": ("location", ("redirect", "tls_redirect")),
            }[self.name]
            return None if decision.kind in kinds and part in decision.open_parts else False
        wanted = None if self.values is None else tuple(map(octets, self.values))
        return self._of(decision) == wanted

    @property
    def wanted(self) -> str:
        return f"{self.header}: {_values(self.values)}"

    def found(self, decision: Decision) -> str:
        if getattr(decision, self.name) is None:
            return f"{NOTHING}: {decision.outcome}"
        return f"{self.header}: {_values(self._of(decision))}"


def _values(values: tuple[str, ...] | None) -> str:
    return "missing" if values is None else ", ".join(repr(readable(value)) for value in values)
