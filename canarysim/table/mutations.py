"""What routes, virtual hosts and tables change in headers, in requests on their way up and in responses.

Facts (Envoy documentation of HeaderValueOption and HTTP header manipulation; run on 1.36.4 and 1.40.0, see
tests/envoy):

1. Levels come one after the other: the entry of a weighted cluster, then route, virtual host, table; or, with
   ``most_specific_header_mutations_wins``, the entry, then table, virtual host, route. Each sees what the one
   before made. The host of the entry (``host_rewrite_literal``) is set right behind it, every other rewrite of
   path or host behind them all.
2. A level first removes. Then it makes all its values, from the headers as they are now, and asks as of now
   whether a header exists. Then it overwrites, in the order of the list, and then appends, in that order. So
   two ADD_IF_ABSENT of one name add both, and an APPEND comes behind an OVERWRITE that the list has later.
3. An empty value does nothing, whatever the action, unless ``keep_empty_value``.
4. Overwriting removes all values and puts the new one at the end. Appending puts another header at the end; but
   of headers that can stand only once the value is joined to the first by a comma, where neither is empty.
   Requests and responses have different ones.
5. Names that begin with a colon, and ``host``, are refused. Names are sent in lower case.
6. Behind all that Envoy drops the ``x-envoy-*`` headers that steer retries and timeouts.
7. A direct response and a redirect begin with ``location`` if there is one. Behind the mutations comes the body:
   ``content-length`` is overwritten, ``content-type`` becomes text/plain unless it is there; without a body both
   are removed. Then ``date`` is added unless it is there, and ``server`` is written in its place or added.
   ``connection``, ``proxy-connection``, ``upgrade``, and in 1.36 ``keep-alive``, go. Last, HTTP/1.1 adds
   ``content-length: 0`` where there is no body, but to HEAD ``transfer-encoding: chunked``, and nothing to 204
   and 304.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, get_args

import attrs

from canarysim.errors import InvalidValue
from canarysim.request import octets
from canarysim.table.headers import Invented
from canarysim.table.values import Undetermined, as_tuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from canarysim.table.formats import FormatString, Routed

    Fields = Sequence[tuple[str, str]]

__all__ = [
    "SINGLE_IN_REQUESTS",
    "AppendAction",
    "HeaderMutations",
    "HeaderToAdd",
    "Mutated",
    "Mutations",
    "apply_all",
    "direct_response_headers",
    "in_order",
    "sent_upstream",
]

AppendAction = Literal[
    "APPEND_IF_EXISTS_OR_ADD", "ADD_IF_ABSENT", "OVERWRITE_IF_EXISTS_OR_ADD", "OVERWRITE_IF_EXISTS"
]

_MOST_BYTES = 16384
_MOST_ADDED = 1000
_UNFIT = re.compile(r"[\0\r\n]")

#: Headers of requests that can stand only once (fact 4).
SINGLE_IN_REQUESTS = frozenset(
    """
    accept accept-encoding access-control-request-headers access-control-request-method
    access-control-request-private-network authorization cache-control cdn-loop connection content-encoding
    content-type expect grpc-accept-encoding grpc-timeout if-match if-modified-since if-none-match if-range
    if-unmodified-since keep-alive origin pragma proxy-connection proxy-status referer te upgrade user-agent via
    x-client-trace-id x-envoy-attempt-count x-envoy-decorator-operation x-envoy-downstream-service-cluster
    x-envoy-downstream-service-node x-envoy-external-address x-envoy-force-trace x-envoy-internal x-envoy-ip-tags
    x-envoy-is-timeout-retry x-envoy-original-host x-envoy-original-path x-envoy-original-url
    x-envoy-upstream-alt-stat-name x-envoy-upstream-rq-timeout-ms x-forwarded-client-cert x-forwarded-for
    x-forwarded-host x-forwarded-port x-forwarded-proto x-request-id
    """.split()
)
#: Headers of responses that can stand only once.
_SINGLE_IN_RESPONSES = frozenset(
    """
    access-control-allow-credentials access-control-allow-headers access-control-allow-methods
    access-control-allow-origin access-control-allow-private-network access-control-expose-headers
    access-control-max-age age cache-control connection content-encoding content-length content-type date etag
    expires grpc-message grpc-status keep-alive last-modified location proxy-connection proxy-status server upgrade
    vary via x-envoy-attempt-count x-envoy-decorator-operation x-envoy-degraded x-envoy-immediate-health-check-fail
    x-envoy-ratelimited x-envoy-upstream-canary x-envoy-upstream-healthchecked-cluster
    x-envoy-upstream-service-time x-request-id
    """.split()
)
#: Fact 6.
_DROPPED = frozenset(
    """
    x-envoy-hedge-on-per-try-timeout x-envoy-max-retries x-envoy-retriable-header-names
    x-envoy-retriable-status-codes x-envoy-retry-grpc-on x-envoy-retry-on
    x-envoy-upstream-rq-per-try-timeout-ms x-envoy-upstream-rq-timeout-alt-response
    x-envoy-upstream-stream-duration-ms
    """.split()
)
_DROPPED_BY_1_36 = _DROPPED | {"x-envoy-upstream-rq-timeout-ms"}

#: Headers that are left open once they are changed.
_OPEN_IN_DIRECT_RESPONSES = frozenset(["transfer-encoding"])
_OPEN_IN_RESPONSES = _OPEN_IN_DIRECT_RESPONSES | {"content-length"}
_OPEN_IN_REQUESTS = _OPEN_IN_RESPONSES | {"x-envoy-expected-rq-timeout-ms"}


def _checked(name: str) -> str:
    """The name as Envoy keeps it (fact 5)."""
    if not name:
        raise InvalidValue("bad_header_name", "the name of a header is empty")
    if name.startswith(":") or name.lower() == "host":
        raise InvalidValue(
            "bad_header_name", f"{name!r}: pseudo headers and host may not be added or removed", name=name
        )
    if _UNFIT.search(name):
        raise InvalidValue("bad_header_name", f"the name {name!r} holds NUL, CR or LF", name=name)
    return octets(name).encode("latin-1").lower().decode("latin-1")


@attrs.frozen
class HeaderToAdd:
    """Envoy's HeaderValueOption: a header, what its value is made of, and what happens if it exists (fact 2)."""

    name: str
    value: FormatString
    action: AppendAction = "APPEND_IF_EXISTS_OR_ADD"
    keep_empty_value: bool = False
    #: The name as octets in lower case.
    key: str = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "key", _checked(self.name))
        if len(self.key) > _MOST_BYTES:
            raise InvalidValue("bad_header_name", f"the name of a header has at most {_MOST_BYTES} bytes")
        if _UNFIT.search(self.value.text):
            raise InvalidValue("bad_header_value", f"the value {self.value.text!r} holds NUL, CR or LF")
        if len(octets(self.value.text)) > _MOST_BYTES:
            raise InvalidValue("bad_header_value", f"the value of a header has at most {_MOST_BYTES} bytes")
        if not self.value.in_header:
            raise InvalidValue("bad_header_value", "the format of a header value is one with in_header=True")
        if self.action not in get_args(AppendAction):
            raise InvalidValue("bad_append_action", f"{self.action!r} is none of {get_args(AppendAction)}")

    def to_envoy(self) -> dict[str, Any]:
        """As Envoy's HeaderValueOption."""
        found: dict[str, Any] = {"header": {"key": self.name, "value": self.value.text}}
        if self.action != "APPEND_IF_EXISTS_OR_ADD":
            found["append_action"] = self.action
        if self.keep_empty_value:
            found["keep_empty_value"] = True
        return found


@attrs.frozen
class HeaderMutations:
    """What one level adds and removes (fact 2); ``remove`` are names."""

    add: tuple[HeaderToAdd, ...] = attrs.field(default=(), converter=as_tuple)
    remove: tuple[str, ...] = attrs.field(default=(), converter=as_tuple)
    _removed: tuple[str, ...] = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if len(self.add) > _MOST_ADDED:
            raise InvalidValue("too_many_headers", f"a level adds at most {_MOST_ADDED} headers")
        object.__setattr__(self, "_removed", tuple(map(_checked, self.remove)))

    @property
    def removed(self) -> tuple[str, ...]:
        """The names to remove as octets in lower case."""
        return self._removed

    def __bool__(self) -> bool:
        return bool(self.add or self.remove)

    def to_envoy(self, of: Literal["request", "response"] = "request") -> dict[str, Any]:
        """As the two fields of an Envoy Route, VirtualHost, RouteConfiguration or ClusterWeight."""
        added = {f"{of}_headers_to_add": [header.to_envoy() for header in self.add]} if self.add else {}
        return {**added, **({f"{of}_headers_to_remove": list(self.remove)} if self.remove else {})}


@attrs.frozen
class Mutations:
    """What one level changes in the headers of requests and of responses."""

    request: HeaderMutations = HeaderMutations()
    response: HeaderMutations = HeaderMutations()

    def to_envoy(self) -> dict[str, Any]:
        """As the four fields of an Envoy message."""
        return {**self.request.to_envoy("request"), **self.response.to_envoy("response")}


def in_order(
    entry: HeaderMutations | None,
    route: HeaderMutations | None,
    virtual_host: HeaderMutations | None,
    table: HeaderMutations | None,
    *,
    most_specific_wins: bool = False,
) -> tuple[HeaderMutations, ...]:
    """The levels in the order in which Envoy applies them, those that change nothing left out (fact 1)."""
    three = (table, virtual_host, route) if most_specific_wins else (route, virtual_host, table)
    return tuple(level for level in (entry, *three) if level)


@attrs.frozen
class Mutated:
    """Headers after mutations. ``fields`` are those known, names in lower case, as octets and in their order.

    ``open`` are the names of those that a request alone does not tell, with a sentence on why: whether they
    exist, how often, and with which values. None of them is in ``fields``. Where a header was open and is then
    overwritten it is known, but its place among others may be another.
    """

    fields: tuple[tuple[str, str], ...]
    open: dict[str, str] = attrs.field(factory=dict)


def apply_all(
    levels: Iterable[HeaderMutations],
    fields: Fields | Mutated,
    seen: Routed,
    *,
    request: Fields | Mutated | None = None,
) -> Mutated:
    """The headers after all levels, in their order (facts 2 to 4).

    ``fields`` are all headers in Envoy's map but the pseudo headers, names in lower case, those that Envoy makes
    up included as Invented values (they stay Invented); or what an earlier call gave. They are those of the
    request, unless ``request`` has those: then ``fields`` are those of a response (which may begin with
    ``:status``). ``seen`` is the request (http.py), of which pseudo headers, path and address are asked:
    one with the new host for levels behind an entry's ``host_rewrite_literal``.

    Cost: O(headers to add, times fields).
    """
    if request is None:
        state = _State(fields, SINGLE_IN_REQUESTS, _OPEN_IN_REQUESTS)
    else:
        state = _State(fields, _SINGLE_IN_RESPONSES, _OPEN_IN_RESPONSES, request)
    for level in levels:
        state.change(level, seen)
    return state.result()


def _entries(fields: Fields | Mutated) -> list[tuple[str, str]]:
    """All headers; one that is open is there as one Invented value, so that formats find it so."""
    if isinstance(fields, Mutated):
        return [*fields.fields, *((name, Invented(why)) for name, why in fields.open.items())]
    return list(fields)


class _State:
    """Headers under change: those of a request, or of the response to ``request``."""

    def __init__(
        self,
        fields: Fields | Mutated,
        single: frozenset[str],
        left_open: frozenset[str],
        request: Fields | Mutated | None = None,
    ) -> None:
        self.open = dict(fields.open) if isinstance(fields, Mutated) else {}
        self.fields = _entries(fields)
        self.single = single
        self.left_open = left_open
        self.request = None if request is None else _entries(request)

    def change(self, level: HeaderMutations, seen: Routed) -> None:
        for name in level.removed:
            self.remove(name)
            if name in self.left_open:
                self.leave_open(name, f"changing {name}, which Envoy writes itself, is not simulated")
        overwrites: list[tuple[str, str | Undetermined]] = []
        appends: list[tuple[str, str | Undetermined]] = []
        for header in level.add:
            name, action = header.key, header.action
            value = self.made_of(header, seen)
            if value == "" and not header.keep_empty_value:
                continue
            exists = self.place(name) is not None
            if action == "APPEND_IF_EXISTS_OR_ADD" or (action == "ADD_IF_ABSENT" and not exists):
                appends.append((name, value))
            elif action == "OVERWRITE_IF_EXISTS_OR_ADD" or (action == "OVERWRITE_IF_EXISTS" and exists):
                uncertain = action == "OVERWRITE_IF_EXISTS" and name in self.open
                overwrites.append((name, Undetermined(self.open[name]) if uncertain else value))
        for name, value in overwrites:
            self.overwrite(name, value)
        for name, value in appends:
            self.append(name, value)

    def made_of(self, header: HeaderToAdd, seen: Routed) -> str | Undetermined:
        if header.key in self.left_open:
            return Undetermined(f"changing {header.key}, which Envoy writes itself, is not simulated")
        if self.request is None:
            return header.value.render(seen, self.fields)
        return header.value.render(seen, self.request, response=self.fields)

    def remove(self, name: str) -> None:
        self.open.pop(name, None)
        self.fields = [field for field in self.fields if field[0] != name]

    def leave_open(self, name: str, why: str) -> None:
        if name not in self.open:
            self.remove(name)
            self.open[name] = why
            self.fields.append((name, Invented(why)))

    def overwrite(self, name: str, value: str | Undetermined) -> None:
        if isinstance(value, Undetermined):
            self.leave_open(name, value.reason)
            return
        self.remove(name)
        self.fields.append((name, value))

    def append(self, name: str, value: str | Undetermined) -> None:
        if isinstance(value, Undetermined):
            self.leave_open(name, value.reason)
        elif name not in self.open:
            place = self.place(name) if name in self.single else None
            if place is None:
                self.fields.append((name, value))
            elif value:
                old = self.fields[place][1]
                kind: Callable[[str], str] = Invented if isinstance(old, Invented) else str
                self.fields[place] = (name, kind(f"{old},{value}" if old else value))

    def write(self, name: str, value: str) -> None:
        """Overwrites the first value in its place, open or not, or adds it."""
        self.open.pop(name, None)
        place = self.place(name)
        if place is None:
            self.fields.append((name, value))
        else:
            self.fields[place] = (name, value)

    def place(self, name: str) -> int | None:
        return next((place for place, field in enumerate(self.fields) if field[0] == name), None)

    def result(self) -> Mutated:
        return Mutated(tuple(field for field in self.fields if field[0] not in self.open), self.open)


def sent_upstream(mutated: Mutated, envoy: str) -> Mutated:
    """What is left when Envoy (a version, like 1.40) has dropped the headers that were meant for it (fact 6)."""
    dropped = _DROPPED_BY_1_36 if envoy == "1.36" else _DROPPED
    return Mutated(
        tuple(field for field in mutated.fields if field[0] not in dropped),
        {name: why for name, why in mutated.open.items() if name not in dropped},
    )


def direct_response_headers(
    status: int,
    body: str,
    location: str | None,
    levels: Iterable[HeaderMutations],
    seen: Routed,
    request: Fields,
    envoy: str,
    *,
    method: str = "GET",
) -> Mutated:
    """All headers of a redirect or direct response over HTTP/1.1, without the status line (fact 7).

    ``body`` is ordinary text, ``location`` octets or None, ``levels`` those of response headers, ``request`` the
    headers of the request as in ``apply_all``. ``date`` is Invented, ``server`` is Envoy's default. What
    ``server_header_transformation`` and other filters change is not in it.
    """
    start = [(":status", str(status)), *([] if location is None else [("location", location)])]
    state = _State(start, _SINGLE_IN_RESPONSES, _OPEN_IN_DIRECT_RESPONSES, request)
    for level in levels:
        state.change(level, seen)
    if size := len(octets(body)):
        state.write("content-length", str(size))
        if state.place("content-type") is None:
            state.fields.append(("content-type", "text/plain"))
    else:
        state.remove("content-length")
        state.remove("content-type")
    if state.place("date") is None:
        state.fields.append(("date", Invented("<now>")))
    state.write("server", "envoy")
    for name in (":status", "connection", "proxy-connection", "upgrade", "keep-alive")[
        : 5 if envoy == "1.36" else 4
    ]:
        state.remove(name)
    if "transfer-encoding" in state.open:
        state.open["content-length"] = state.open["transfer-encoding"]
    elif not size and status not in (204, 304):
        chunked = ("transfer-encoding", "chunked")
        state.fields.append(chunked if method == "HEAD" else ("content-length", "0"))
    return state.result()
