"""What the connection manager does to a request before any route is looked at.

Facts (observed on Envoy 1.36.4 and 1.40.0 with HTTP/1.1 and the default settings of a connection manager, see
tests/envoy):

1. A target with ``#``, or one that does not begin with ``/``, is answered 400 without a route; ``OPTIONS *``
   and an absolute target without a path 404. With ``normalize_path`` a path that cannot be normalized is
   answered 400.
2. ``x-request-id`` and ``x-forwarded-proto`` are there when routes are matched: the client's, else Envoy's. Other
   headers are dropped, joined and trimmed (headers.py).
3. ``:scheme`` is that of an absolute target; else what ``x-forwarded-proto`` says if that is http or https in
   any case; else the listener's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

from canarysim.request import octets, readable
from canarysim.table.headers import SPECIAL, Refusal, treated_headers
from canarysim.table.paths import merge_slashes, normalize

if TYPE_CHECKING:
    from collections.abc import Callable

    from canarysim.request import Request

__all__ = ["HttpSettings", "Invented", "Seen", "see"]


@attrs.frozen
class HttpSettings:
    """The connection manager's settings that act before routing, named as in Envoy; defaults are Envoy's."""

    normalize_path: bool = False
    merge_slashes: bool = False
    strip_any_host_port: bool = False


class Invented(str):
    """A header value that Envoy makes up at run time, so that no offline answer can depend on it."""

    __slots__ = ()


#: The methods that Envoy's HTTP/1 parser knows.
_METHODS = frozenset(
    """
    DELETE GET HEAD POST PUT OPTIONS TRACE COPY LOCK MKCOL MOVE PROPFIND PROPPATCH SEARCH UNLOCK BIND
    REBIND UNBIND ACL REPORT MKACTIVITY CHECKOUT MERGE MSEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE PATCH PURGE
    MKCALENDAR LINK UNLINK SOURCE
    """.split()
)

# Most requests need none of the treatment below, and these say so at once.
_TREATED_TARGET = re.compile(r"[^A-Za-z0-9/_~!$&'()*+,;=:@.?-]|/\.")
_TREATED_HOST = re.compile(r"[^A-Za-z0-9.-]")

_PORT = re.compile(r":[+]?\d+\Z", re.ASCII)
_ODD_TARGET = re.compile(r"[^\x21-\x7e]")
_HOST = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=:%@\[\]]*")


class Seen:
    """A request as the router sees it; all text as octets.

    ``fields`` are the client's headers as they go upstream. ``notes`` say what was changed before matching.
    ``refused`` is (status, reason) where the request is answered before routing. ``route_path`` is the path
    without query, empty for CONNECT, which has none. ``scheme`` is ``:scheme``, ``listener`` the scheme of the
    listener.
    """

    __slots__ = (
        *("_headers", "_query", "authority", "fields", "listener", "method", "notes"),
        *("path", "refused", "route_path", "scheme"),
    )

    def __init__(
        self,
        path: str,
        method: str,
        authority: str,
        scheme: str,
        listener: str,
        headers: dict[str, tuple[str, ...]],
        fields: tuple[tuple[str, str], ...],
        notes: tuple[str, ...] = (),
        refused: Refusal | None = None,
    ) -> None:
        self.path = path
        self.route_path = path.partition("?")[0]
        self.method = method
        self.authority = authority
        self.scheme = scheme
        self.listener = listener
        self._headers = headers
        self.fields = fields
        self.notes = notes
        self.refused = refused
        self._query: dict[str, str] | None = None

    def header(self, name: str) -> tuple[str, ...] | None:
        """The values of a header that a matcher sees, pseudo headers and Envoy's own included; None without."""
        values = self._headers.get(name)
        if values is None and name in _DERIVED:
            return _DERIVED[name](self)
        return values

    def first_value(self, name: str) -> str | None:
        """The first value of a header as it goes upstream, where an empty one counts as none."""
        name = ":authority" if name.lower() == "host" else name.lower()
        values = tuple(value for field, value in self.fields if field == name) or self.header(name)
        return (values[0] or None) if values else None

    @property
    def query(self) -> dict[str, str]:
        """The first value of each query parameter (matchers.py, fact 4)."""
        if self._query is None:
            self._query = {}
            for piece in self.path.partition("?")[2].split("&"):
                if piece:
                    key, _, value = piece.partition("=")
                    self._query.setdefault(key, value)
        return self._query


#: What matchers see of a request besides the headers that the client sent.
_DERIVED: dict[str, Callable[[Seen], tuple[str, ...]]] = {
    ":method": lambda seen: (seen.method,),
    ":path": lambda seen: (seen.path,),
    ":authority": lambda seen: (seen.authority,),
    ":scheme": lambda seen: (seen.scheme,),
    "x-forwarded-proto": lambda seen: (seen.listener,),
    "x-request-id": lambda _: (Invented("<a random UUID>"),),
}


def see(request: Request, http: HttpSettings, *, envoy: str, scheme: str) -> Seen:
    """What the router of a listener with ``scheme`` makes of a request. Cost: O(size of the request)."""
    path, method, authority = request.path, request.method, request.authority
    notes: list[str] = []
    refused: Refusal | None = None
    if (
        path[:1] != "/"
        or method not in _METHODS
        or _TREATED_TARGET.search(path)
        or _TREATED_HOST.search(authority)
    ):
        path, method, authority = octets(path), octets(method), octets(authority)
        _note_what_http1_refuses(request, path, method, authority, notes)
        if method == "CONNECT":
            authority, path = authority or path, ""
        else:
            path, refused = _treated_path(path, request, http, envoy, notes)
        if http.strip_any_host_port and (port := _PORT.search(authority)):
            notes.append(f"the port {port[0]} was stripped from the host")
            authority = authority[: port.start()]

    stated = scheme
    everyday = request.everyday_headers
    if everyday is not None and SPECIAL.isdisjoint(everyday):
        headers, fields = everyday, request.headers
    else:
        headers, fields, why = treated_headers(request, envoy, notes)
        refused = refused or why
        (proto,) = headers.get("x-forwarded-proto", (scheme,))
        if proto.lower() in ("http", "https"):
            stated = proto.lower()
    if request.scheme is not None:
        stated = octets(request.scheme.lower())
        if stated != scheme:
            notes.append(f"the request names {readable(stated)}, and this is the listener for {scheme}")
    return Seen(path, method, authority, stated, scheme, headers, fields, tuple(notes) if notes else (), refused)


def _note_what_http1_refuses(request: Request, path: str, method: str, authority: str, notes: list[str]) -> None:
    if odd := _ODD_TARGET.search(path):
        notes.append(f"HTTP/1 refuses the byte 0x{ord(odd[0]):02X} in the path")
    if method not in _METHODS and method != "CONNECT":
        notes.append(f"HTTP/1 refuses the method {request.method!r}")
    if not _HOST.fullmatch(authority):
        notes.append(f"HTTP/1 refuses the host {request.authority!r}")


def _treated_path(
    path: str, request: Request, http: HttpSettings, envoy: str, notes: list[str]
) -> tuple[str, Refusal | None]:
    """The path after normalization and slash merging, and the refusal where there is none to route by."""
    if "#" in path and not path.startswith("*"):
        return path, (400, "the path has a fragment (#), which Envoy refuses")
    if not path.startswith("/"):
        if path.startswith("*") and request.method == "OPTIONS":
            return path, (404, "OPTIONS * names no path, so that Envoy looks for no route")
        if request.scheme is not None:
            return path, (404, "the URL has no path, so that Envoy looks for no route")
        return path, (400, "the path does not begin with /")
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
