"""What ``validate`` in a test of Envoy's route table check tool compares.

Facts (source and documentation of the tool in Envoy 1.40, and its own suite of tests):

1. "" stands for no value. Cluster, virtual host, virtual cluster, path and host are those of a route that
   forwards, and "" for any other; ``path_redirect`` is the whole new URL of a redirect, and the URL of the
   request for a direct response.
2. The headers of an answer are ``additional_response_headers`` and, of a direct response with a body,
   content-length and content-type: text/plain; then the configuration changes them.
3. The timeout of a route that does not say one is 15 s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from canarysim.manifests.envoy.matches import header_matchers
from canarysim.request import octets, readable
from canarysim.table.actions import RouteAction
from canarysim.table.mutations import apply_all
from canarysim.table.redirects import DirectResponseAction
from canarysim.table.upstream import response_levels
from canarysim.testing.expectations import Check

if TYPE_CHECKING:
    from collections.abc import Callable

    from canarysim.manifests.fields import Record
    from canarysim.table.decision import Decision
    from canarysim.table.matchers import HeaderMatcher
    from canarysim.table.route_table import RouteTable

    Fields = tuple[tuple[str, str], ...]

__all__ = ["checks_of", "pairs_of"]


def pairs_of(record: Record, name: str) -> Fields:
    """Headers as pairs, their names in lower case."""
    return tuple((each.get("key", "").lower(), each.get("value", "")) for each in record.get(name, ()))


def checks_of(record: Record, answered: Fields) -> list[Check]:
    """A check for each thing that ``validate`` asks. ``answered`` are ``additional_response_headers``."""
    checks: list[Check] = [_Field(name, record[name]) for name in _FOUND if name in record]
    if "timeout" in record:
        checks.append(_Timeout(record["timeout"]))
    for side in ("request", "response"):
        name = f"{side}_header_matches"
        checks += [
            _HeaderMatch(name, matcher, answered)
            for matcher in header_matchers(record.get(name, []))
            if matcher is not None
        ]
        name = f"{side}_header_fields"
        checks += [_HeaderField(name, key, value, answered) for key, value in pairs_of(record, name)]
    for each in record.get("route_metadata", ()):
        checks.append(_Metadata(each.get("namespace", ""), each.get("key", ""), each.get("value")))
    return checks


def _path_redirect(decision: Decision) -> str | None:
    if decision.kind == "direct_response":
        return f"{decision.seen.scheme}://{decision.seen.authority}{decision.seen.path}"
    return decision.location


#: What is found, and the part of a decision that may leave it open (fact 1).
_FOUND: dict[str, tuple[Callable[[Decision], str | int | None], str]] = {
    "cluster_name": (lambda d: d.cluster, ""),
    "virtual_cluster_name": (lambda d: d.virtual_cluster if d.kind == "forward" else None, ""),
    "virtual_host_name": (lambda d: d.virtual_host if d.kind == "forward" else None, ""),
    "path_rewrite": (lambda d: d.path, "path"),
    "host_rewrite": (lambda d: d.authority, "authority"),
    "path_redirect": (_path_redirect, "location"),
    "code_redirect": (lambda d: d.status, ""),
}


@attrs.frozen
class _Field(Check):
    """One value of ``validate``."""

    name: str
    value: str | int

    def _found(self, decision: Decision) -> str | int:
        none = 0 if self.name == "code_redirect" else ""
        return _FOUND[self.name][0](decision) or none

    def verdict(self, decision: Decision) -> bool | None:
        if decision.kind == "unknown" or _FOUND[self.name][1] in decision.open_parts:
            return None
        value = octets(self.value) if isinstance(self.value, str) else self.value
        return self._found(decision) == value

    @property
    def wanted(self) -> str:
        return repr(self.value)

    def found(self, decision: Decision) -> str:
        return repr(self._found(decision))


@attrs.frozen
class _Timeout(Check):
    name = "timeout"
    nanoseconds: int

    def verdict(self, decision: Decision) -> bool | None:
        return None if decision.kind == "unknown" else self._found(decision) == self.nanoseconds

    def _found(self, decision: Decision) -> int:
        """Fact 3."""
        action = None if decision.matched is None else decision.matched.action
        if not isinstance(action, RouteAction):
            return 0
        return 15 * 10**9 if action.timeout is None else round(action.timeout * 10**9)

    @property
    def wanted(self) -> str:
        return f"{self.nanoseconds / 10**9:g} s"

    def found(self, decision: Decision) -> str:
        return f"{self._found(decision) / 10**9:g} s"


@attrs.frozen
class _Metadata(Check):
    """A value in the metadata of the route that matched; None for none."""

    name = "route_metadata"
    namespace: str
    key: str
    value: Any

    def verdict(self, decision: Decision) -> bool | None:
        return None if decision.kind == "unknown" else bool(self._found(decision) == self.value)

    def _found(self, decision: Decision) -> Any:
        metadata = {} if decision.matched is None else decision.matched.metadata
        return metadata.get(self.namespace, {}).get(self.key)

    @property
    def wanted(self) -> str:
        return f"{self.namespace} {self.key}: {self.value!r}"

    def found(self, decision: Decision) -> str:
        value = self._found(decision)
        return f"no {self.namespace} {self.key}" if value is None else f"{self.namespace} {self.key}: {value!r}"


@attrs.frozen
class _OfHeader(Check):
    """A check of the headers of the request as they go upstream, or of the answer."""

    table: RouteTable | None = attrs.field(default=None, kw_only=True, eq=False, repr=False)

    def resolved(self, table: RouteTable) -> Check:
        return attrs.evolve(self, table=table)

    def _values(self, decision: Decision, name: str, answered: Fields) -> tuple[str, ...]:
        if self.name.startswith("request"):
            fields = decision.request_headers or ()
            pseudo = {":method": decision.seen.method, ":path": decision.path, ":authority": decision.authority}
            fields = (*fields, *((key, value or "") for key, value in pseudo.items()))
        else:
            fields = _answer(self.table, decision, answered)
        return tuple(value for each, value in fields if each == name)

    def _open(self, decision: Decision) -> bool:
        part = "request_headers" if self.name.startswith("request") else "location"
        return decision.kind == "unknown" or part in decision.open_parts


def _answer(table: RouteTable | None, decision: Decision, answered: Fields) -> Fields:
    """Fact 2."""
    assert table is not None
    fields = list(answered)
    action = None if decision.matched is None else decision.matched.action
    if isinstance(action, DirectResponseAction) and action.body:
        size = str(len(octets(action.body)))
        fields += [("content-length", size), ("content-type", "text/plain")]
    levels = [
        level
        for host in table.virtual_hosts
        if host.name == decision.virtual_host
        for level in response_levels(table, host, decision.matched)
    ]
    destination = decision.destination
    if destination is not None and destination.mutations is not None:
        levels.insert(0, destination.mutations.response)
    return apply_all(levels, fields, decision.seen, request=decision.seen.fields).fields


@attrs.frozen
class _HeaderMatch(_OfHeader):
    name: str
    matcher: HeaderMatcher
    answered: Fields

    def verdict(self, decision: Decision) -> bool | None:
        if self._open(decision):
            return None
        values = self._values(decision, self.matcher.name, self.answered)
        return bool(self.matcher.test(decision.envoy)(values or None))

    @property
    def wanted(self) -> str:
        return str(self.matcher)

    def found(self, decision: Decision) -> str:
        return _shown(self.matcher.name, self._values(decision, self.matcher.name, self.answered))


@attrs.frozen
class _HeaderField(_OfHeader):
    name: str
    key: str
    value: str
    answered: Fields

    def verdict(self, decision: Decision) -> bool | None:
        if self._open(decision):
            return None
        values = self._values(decision, self.key, self.answered)
        return (values[0] if values else "") == octets(self.value)

    @property
    def wanted(self) -> str:
        return f"{self.key}: {self.value!r}"

    def found(self, decision: Decision) -> str:
        return _shown(self.key, self._values(decision, self.key, self.answered))


def _shown(name: str, values: tuple[str, ...]) -> str:
    return f"{name}: {', '.join(repr(readable(value)) for value in values)}" if values else f"no {name}"
