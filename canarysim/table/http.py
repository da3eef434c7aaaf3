"""What the connection manager does to a request before any route is looked at.

Facts (observed on Envoy 1.36.4 and 1.40.0 with HTTP/1.1 and the default settings of a connection manager, see
tests/envoy):

1. A target with ``#`` is answered 400, one that does not begin with ``/`` 404 (400 where the parser refuses
   it), both without a route. With ``normalize_path`` a path that cannot be normalized is answered 400.
2. Hop-by-hop headers, headers named by ``connection`` and the ``x-envoy-*`` headers that only a trusted client
   may send are dropped. Of the tokens in ``te`` only ``trailers`` stays; without it a ``te`` that is not empty
   is dropped.
3. ``x-request-id`` and ``x-forwarded-proto`` are there when routes are matched: the client's, else invented.
   An empty ``x-request-id`` is replaced.
   ``:scheme`` is what ``x-forwarded-proto`` says if that is http or https in any case, else the listener's.
4. Blanks and tabs around header values are cut. Header names are in lower case.
5. Some headers can stand only once in Envoy's header map: their repeated values, empty ones left out, are
   joined by a comma. Of the others 1.36 joins the values when a matcher looks at them, 1.40 does not.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING

import attrs

from canarysim.request import octets, readable
from canarysim.table.paths import merge_slashes, normalize

if TYPE_CHECKING:
    from canarysim.request import Request

__all__ = ["INVENTED", "HttpSettings", "Invented", "Seen", "see"]


@attrs.frozen
class HttpSettings:
    """The connection manager's settings that act before routing, named as in Envoy; defaults are Envoy's."""

    normalize_path: bool = False
    merge_slashes: bool = False
    strip_any_host_port: bool = False


class Invented(str):
    """A header value that Envoy makes up at run time, so that no offline answer can depend on it."""

    __slots__ = ()


#: Headers that Envoy gives a value of its own where the client sends none.
INVENTED = {"x-request-id": (Invented("<a random UUID>"),)}

_DROPPED = frozenset(
    """
    connection keep-alive proxy-connection transfer-encoding upgrade
    x-envoy-internal x-envoy-expected-rq-timeout-ms x-envoy-retry-on x-envoy-retry-grpc-on x-envoy-max-retries
    x-envoy-upstream-rq-timeout-ms x-envoy-upstream-rq-per-try-timeout-ms x-envoy-upstream-alt-stat-name
    x-envoy-retriable-status-codes x-envoy-retriable-header-names x-envoy-force-trace x-envoy-ip-tags
    x-envoy-hedge-on-per-try-timeout x-envoy-original-url x-envoy-upstream-stream-duration-ms
    x-forwarded-client-cert
    """.split()
)

#: Headers whose repeated values are one value, joined by a comma, in Envoy's header map.
_SINGLE = frozenset(
    """
    accept accept-encoding access-control-request-headers access-control-request-method
    access-control-request-private-network authorization cache-control content-encoding content-type expect
    grpc-accept-encoding grpc-timeout if-match if-modified-since if-none-match if-range if-unmodified-since
    origin pragma proxy-status referer user-agent via x-client-trace-id x-envoy-attempt-count
    x-envoy-decorator-operation x-envoy-downstream-service-cluster x-envoy-downstream-service-node
    x-envoy-external-address x-envoy-is-timeout-retry x-envoy-original-host x-envoy-original-path
    te x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-proto x-request-id
    """.split()
)

#: The methods that Envoy's HTTP/1 parser knows.
_METHODS = frozenset(
    """
    DELETE GET HEAD POST PUT CONNECT OPTIONS TRACE COPY LOCK MKCOL MOVE PROPFIND PROPPATCH SEARCH UNLOCK BIND
    REBIND UNBIND ACL REPORT MKACTIVITY CHECKOUT MERGE MSEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE PATCH PURGE
    MKCALENDAR LINK UNLINK SOURCE
    """.split()
)

_ODD_TARGET = re.compile(r"[^\x21-\x7e]")
_ODD_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HOST = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=:%@\[\]]*")
_CUT = re.compile(r"[?#]")


@attrs.define(slots=False, eq=False)
class Seen:
    """A request as the router sees it; all text as octets.

    ``headers`` maps each name, pseudo headers included, to the values a matcher sees. ``fields`` are the
    client's headers as they go upstream. ``notes`` say what was changed before matching. ``refused`` is
    (status, reason) where the request is answered before routing.
    """

    path: str
    route_path: str
    authority: str
    headers: dict[str, tuple[str, ...]]
    fields: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    refused: tuple[int, str] | None = None

    @property
    def method(self) -> str:
        return self.headers[":method"][0]

    @property
    def scheme(self) -> str:
        return self.headers[":scheme"][0]

    @cached_property
    def query(self) -> dict[str, str]:
        """The first value of each query parameter (matchers.py, fact 4)."""
        _, mark, text = self.path.partition("?")
        found: dict[str, str] = {}
        if mark:
            for piece in text.split("&"):
                if piece:
                    key, _, value = piece.partition("=")
                    found.setdefault(key, value)
        return found


def see(request: Request, http: HttpSettings, *, envoy: str, scheme: str) -> Seen:
    """What the router of a listener with ``scheme`` makes of a request. Cost: O(size of the request)."""
    notes: list[str] = []
    refused: tuple[int, str] | None = None
    path = octets(request.path)
    method = octets(request.method)
    authority = octets(request.authority)

    if odd := _ODD_TARGET.search(path):
        notes.append(f"HTTP/1 refuses the byte 0x{ord(odd[0]):02X} in the path")
    if method not in _METHODS:
        notes.append(f"HTTP/1 refuses the method {request.method!r}")
    if not _HOST.fullmatch(authority):
        notes.append(f"HTTP/1 refuses the host {request.authority!r}")

    if method == "CONNECT":
        authority, path = authority or path, ""
    elif "#" in path:
        refused = 400, "the path has a fragment (#), which Envoy refuses"
    elif not path.startswith("/"):
        if path == "*" and method == "OPTIONS":
            refused = 404, "OPTIONS * names no path, so that Envoy looks for no route"
        elif path == "" or path == "*" or path.startswith("?"):
            refused = 400, "the target has no path"
        else:
            refused = 404, "the path does not begin with /, so that Envoy looks for no route"
    else:
        path, refused = _treated_path(path, http, envoy, notes)

    if http.strip_any_host_port and (port := re.search(r":[+]?\d+\Z", authority, re.ASCII)):
        notes.append(f"the port {port[0]} was stripped from the host")
        authority = authority[: port.start()]

    headers, fields = _treated_headers(request, envoy, notes)
    proto = headers.get("x-forwarded-proto")
    if proto is None:
        headers["x-forwarded-proto"] = proto = (scheme,)
    stated = proto[0].lower()
    if stated not in ("http", "https"):
        stated = octets(request.scheme or scheme).lower()
    if "x-request-id" not in headers:
        headers["x-request-id"] = INVENTED["x-request-id"]
    headers[":method"] = (method,)
    headers[":path"] = (path,)
    headers[":authority"] = (authority,)
    headers[":scheme"] = (stated,)
    cut = _CUT.search(path)
    return Seen(
        path,
        path if cut is None else path[: cut.start()],
        authority,
        headers,
        fields,
        tuple(notes),
        refused,
    )


def _treated_path(
    path: str, http: HttpSettings, envoy: str, notes: list[str]
) -> tuple[str, tuple[int, str] | None]:
    """The path after normalization and slash merging, and the refusal where it cannot be normalized."""
    before = path
    if http.normalize_path:
        normal = normalize(path, strip_dot_parameters=envoy != "1.36")
        if normal is None:
            return path, (400, "the path cannot be normalized")
        path = normal
    if http.merge_slashes:
        path = merge_slashes(path)
    if path != before:
        notes.append(f"the path {readable(before)!r} was normalized to {readable(path)!r}")
    return path, None


def _treated_headers(
    request: Request, envoy: str, notes: list[str]
) -> tuple[dict[str, tuple[str, ...]], tuple[tuple[str, str], ...]]:
    """The headers a matcher sees, and those that go upstream."""
    if not request.headers:
        return {}, ()
    named = {
        token.strip(" \t").lower()
        for name, value in request.headers
        if name == "connection"
        for token in value.split(",")
    }
    fields: dict[str, list[str]] = {}
    for raw_name, raw_value in request.headers:
        name, value = octets(raw_name), octets(raw_value).strip(" \t")
        if name in _DROPPED or name in named:
            notes.append(f"the header {raw_name} is dropped before routing")
            continue
        if not _TOKEN.fullmatch(name):
            notes.append(f"HTTP/1 refuses the header name {raw_name!r}")
        if odd := _ODD_VALUE.search(value):
            notes.append(f"HTTP/1 refuses the byte 0x{ord(odd[0]):02X} in the value of {raw_name}")
        fields.setdefault(name, []).append(value)
    seen: dict[str, tuple[str, ...]] = {}
    upstream: list[tuple[str, str]] = []
    for name, values in fields.items():
        if name in _SINGLE and len(values) > 1:
            values = [",".join(filter(None, values))]
            notes.append(f"the values of {name} become one: {readable(values[0])!r}")
        if name == "te" and values[0]:
            if "trailers" not in (token.strip(" \t") for token in values[0].split(",")):
                notes.append("the header te is dropped before routing")
                continue
            values = ["trailers"]
        upstream += [(name, value) for value in values]
        if len(values) > 1 and envoy == "1.36":
            values = [",".join(values)]
            notes.append(f"the values of {name} are matched as one: {readable(values[0])!r}")
        seen[name] = tuple(values)
    if seen.get("x-request-id") == ("",):
        del seen["x-request-id"]
        upstream.remove(("x-request-id", ""))
    return seen, tuple(upstream)
