"""What the connection manager does to the headers of a request before any route is looked at.

Facts (observed on Envoy 1.36.4 and 1.40.0 with HTTP/1.1, see tests/envoy):

1. Hop-by-hop headers, headers named by ``connection``, ``expect: 100-continue`` and the ``x-envoy-*`` headers
   that only a trusted client may send are dropped. Of the tokens in ``te`` only ``trailers`` stays, even if
   ``connection`` names it, and then in any case; without it a ``te`` that is not empty is dropped. With
   ``connection: upgrade`` and an ``upgrade`` other than ``h2c`` both stay, with ``te`` and whatever
   ``connection`` names; ``h2c`` is forgotten, with ``http2-settings`` and both their names in ``connection``.
   What the ``connection`` of CONNECT names stays.
2. A ``connection`` that names ``x-forwarded-for``, ``-proto`` or ``-host``, ``host``, a name that begins with
   a colon, or ten things or more, is answered 400; ``host`` may be named beside an absolute target. ``close``,
   ``keep-alive``, ``upgrade`` and ``http2-settings`` name no header.
3. A ``referer`` stays if it is a URL with a host, without user and fragment, or a relative reference.
4. An empty ``x-request-id`` is replaced; with an empty ``x-forwarded-proto`` no route is found.
5. Blanks and tabs around header values are cut. Header names are in lower case.
6. Some headers can stand only once in Envoy's header map: their repeated values, empty ones left out, are
   joined by a comma. Of the others 1.36 joins the values when a matcher looks at them, 1.40 does not.
7. A request from inside keeps the ``x-envoy-*`` headers and has ``x-envoy-internal: true``. From others the
   ``internal_only_headers`` of the route configuration are dropped as well.
8. With ``use_remote_address`` Envoy is the edge: ``x-forwarded-proto`` is the listener's, the address of the
   client is appended to ``x-forwarded-for`` and, from outside, told in ``x-envoy-external-address``; then
   ``x-request-id`` is made anew, and what only another Envoy knows is dropped.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from canarysim.request import octets, readable

if TYPE_CHECKING:
    from canarysim.request import Request
    from canarysim.table.behaviour import Behaviour

__all__ = ["INVENTED_HEADERS", "SPECIAL", "Invented", "Refusal", "treated_headers"]


class Invented(str):
    """A header value that Envoy makes up at run time, so that no offline answer can depend on it."""

    __slots__ = ()


#: The headers that may have such a value.
INVENTED_HEADERS = frozenset(["x-request-id", "x-forwarded-for", "x-envoy-external-address"])

#: A status, and why a request is answered with it before any route is looked at.
Refusal = tuple[int, str]

_HOP_BY_HOP = frozenset(
    """
    connection keep-alive proxy-connection transfer-encoding upgrade x-envoy-internal x-forwarded-client-cert
    """.split()
)

#: What only a request from inside may say to Envoy.
_UNTRUSTED = frozenset(
    """
    x-envoy-expected-rq-timeout-ms x-envoy-retry-on x-envoy-retry-grpc-on x-envoy-max-retries
    x-envoy-upstream-rq-timeout-ms x-envoy-upstream-rq-per-try-timeout-ms
    x-envoy-upstream-rq-timeout-alt-response x-envoy-upstream-alt-stat-name
    x-envoy-retriable-status-codes x-envoy-retriable-header-names x-envoy-force-trace x-envoy-ip-tags
    x-envoy-hedge-on-per-try-timeout x-envoy-original-url
    """.split()
)

#: What an Envoy behind another believes, and one at the edge does not.
_TOLD_BY_EDGES = (
    "x-envoy-original-path",
    "x-envoy-original-host",
    "x-envoy-decorator-operation",
    "x-envoy-downstream-service-cluster",
    "x-envoy-downstream-service-node",
)

#: 1.40 drops this one before routing, 1.36 only after it.
_STREAM_DURATION = "x-envoy-upstream-stream-duration-ms"

#: Headers whose repeated values are one value, joined by a comma, in Envoy's header map.
_SINGLE = frozenset(
    """
    accept accept-encoding access-control-request-headers access-control-request-method cdn-loop
    access-control-request-private-network authorization cache-control content-encoding content-type expect
    grpc-accept-encoding grpc-timeout if-match if-modified-since if-none-match if-range if-unmodified-since
    origin pragma proxy-status referer user-agent via x-client-trace-id x-envoy-attempt-count
    x-envoy-decorator-operation x-envoy-downstream-service-cluster x-envoy-downstream-service-node
    x-envoy-external-address x-envoy-is-timeout-retry x-envoy-original-host x-envoy-original-path
    connection te upgrade x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-proto x-request-id
    """.split()
)

#: What a connection header names without meaning a header.
_OPTIONS = frozenset(["close", "http2-settings", "keep-alive", "upgrade"])

#: What a connection header must not name.
_NOT_TO_BE_NAMED = frozenset(["host", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"])

#: The kind of upgrade that Envoy forgets, with what goes along.
_H2C = frozenset(["upgrade", "http2-settings"])

#: Headers that get more than their value trimmed.
SPECIAL = (
    _HOP_BY_HOP
    | _UNTRUSTED
    | {"te", "expect", "referer", "http2-settings", "x-request-id", "x-forwarded-proto", _STREAM_DURATION}
)

_ODD_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
# Patterns as text are compiled when they are first needed, which few requests do.
_URL = (
    r"[A-Za-z][A-Za-z0-9+.-]*://"
    r"(?:[A-Za-z0-9.-]+(?::([0-9]+))?|\[[0-9A-Fa-f:.]+\]|\[[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*\]:([0-9]+))"
    r"(?:[/?][!-\"$-~]*#?)?"
)
_RELATIVE = r"[!$%&'()*+,\-.0-9;=?@A-Z_a-z~]*(?:/[!$%&'()*+,\-./0-9:;=?@A-Z_a-z~]*)?"


def treated_headers(
    request: Request,
    envoy: Behaviour,
    notes: list[str],
    internal_only: tuple[str, ...] = (),
    forwarded: str | None = None,
) -> tuple[dict[str, tuple[str, ...]], tuple[tuple[str, str], ...], Refusal | None]:
    """The headers a matcher sees, those that go upstream, and a refusal.

    ``forwarded`` is the scheme of a listener that tells it by ``x-forwarded-proto`` whatever the client says.
    """
    fields = _joined_fields(request, notes)
    refused = _without_hop_by_hop(
        fields, request.method, request.scheme is not None, request.internal, internal_only, notes
    )
    if request.internal:
        fields["x-envoy-internal"] = ["true"]
    if forwarded is not None:
        _as_edge(fields, forwarded, request)
    seen: dict[str, tuple[str, ...]] = {}
    upstream: list[tuple[str, str]] = []
    for name, values in fields.items():
        if name != _STREAM_DURATION:
            upstream += [(name, value) for value in values]
        elif envoy.version != "1.36" and not request.internal:
            continue
        if len(values) > 1 and not envoy.match_headers_individually:
            joined = ",".join(values)
            notes.append(f"the values of {name} are matched as one: {readable(joined)!r}")
            seen[name] = (joined,)
        else:
            seen[name] = tuple(values)
    if seen.get("x-forwarded-proto") == ("",):
        refused = refused or (404, "x-forwarded-proto is empty, with which Envoy finds no route")
    return seen, tuple(upstream), refused


def _as_edge(fields: dict[str, list[str]], scheme: str, request: Request) -> None:
    """What an Envoy at the edge makes of headers that speak of the client (fact 8)."""
    known = octets(request.address)
    address = known or Invented("<the client's address>")
    before = [value for value in fields.get("x-forwarded-for", ()) if value]
    appended = ",".join((*before, address))
    fields["x-forwarded-for"] = [appended if known else Invented(appended)]
    fields["x-forwarded-proto"] = [scheme]
    if not request.internal:
        fields["x-envoy-external-address"] = [address]
        fields["x-request-id"] = [Invented("<a random UUID>")]
        for name in _TOLD_BY_EDGES:
            fields.pop(name, None)


def _joined_fields(request: Request, notes: list[str]) -> dict[str, list[str]]:
    """The values of each header, trimmed, those that can stand only once joined (facts 5 and 6)."""
    fields: dict[str, list[str]] = {}
    for raw_name, raw_value in request.headers:
        name, value = octets(raw_name), octets(raw_value).strip(" \t")
        if not _TOKEN.fullmatch(name):
            notes.append(f"HTTP/1 refuses the header name {raw_name!r}")
        if odd := _ODD_VALUE.search(value):
            notes.append(f"HTTP/1 refuses the byte 0x{ord(odd[0]):02X} in the value of {raw_name}")
        fields.setdefault(name, []).append(value)
    for name in (_SINGLE | _UNTRUSTED | {_STREAM_DURATION}) & fields.keys():
        values = fields[name]
        if len(values) > 1:
            fields[name] = [",".join(filter(None, values))]
            notes.append(f"the values of {name} become one: {readable(fields[name][0])!r}")
    return fields


def _without_hop_by_hop(
    fields: dict[str, list[str]],
    method: str,
    absolute: bool,
    internal: bool,
    internal_only: tuple[str, ...],
    notes: list[str],
) -> Refusal | None:
    """Takes out what never reaches a matcher (facts 1 to 4, 7)."""
    tokens = ",".join(fields.get("connection", ())).lower().split(",")
    named = [token.strip(" \t") for token in tokens if token]
    asks = "upgrade" in named and "upgrade" in fields
    upgrades = asks and fields["upgrade"][0].lower() != "h2c"
    refused: Refusal | None = None
    drop = _HOP_BY_HOP
    if upgrades:
        drop -= {"connection", "upgrade"}
    elif asks:
        drop |= _H2C
        named = [token for token in named if token and token not in _H2C]
    if not upgrades and method != "CONNECT":
        drop = drop.union(set(named) - _OPTIONS)
        unnamable = _NOT_TO_BE_NAMED - {"host"} if absolute else _NOT_TO_BE_NAMED
        forbidden = [token for token in named if token in unnamable or token[:1] == ":"]
        if forbidden or len(named) >= 10:
            told = f"{readable(forbidden[0])}, which it must not" if forbidden else "ten headers or more"
            refused = 400, f"the connection header names {told}"
    if not internal:
        drop |= _UNTRUSTED.union(internal_only)
    if "referer" in fields and not _is_referer(fields["referer"][0]):
        drop |= {"referer"}
    te = fields.get("te", [""])[0]
    if "te" in named and not upgrades and method != "CONNECT":
        te = te.lower()  # where it is named its case plays no part
    if upgrades:
        pass  # and te stays as it is
    elif "trailers" in (token.strip(" \t") for token in te.split(",")):
        fields["te"] = ["trailers"]
        drop -= {"te"}
    elif te:
        drop |= {"te"}
    if fields.get("expect", [""])[0].lower() == "100-continue":
        drop |= {"expect"}
    if fields.get("x-request-id") == [""]:
        drop |= {"x-request-id"}
    for name in list(fields):
        if name in drop:
            del fields[name]
            notes.append(f"the header {name} is dropped before routing")
    return refused


def _is_referer(value: str) -> bool:
    """Fact 3."""
    if url := re.fullmatch(_URL, value):
        return int(url[1] or url[2] or 0) <= 65535
    return re.fullmatch(_RELATIVE, value) is not None
