"""What the connection manager does to a request before any route is looked at.

Facts (observed on Envoy 1.36.4 and 1.40.0 with HTTP/1.1 and the default settings of a connection manager, see
tests/envoy):

1. A URL of another scheme than http and https is answered 400, one of https on a plain listener with
   ``use_remote_address`` 403. A target with ``#``, or one that does not begin with ``/``, is answered 400 without
   a route; ``OPTIONS *`` and an absolute target without a path 404. With ``normalize_path`` a path that cannot
   be normalized is answered 400.
2. ``x-request-id`` and ``x-forwarded-proto`` are there when routes are matched: the client's, else Envoy's. Other
   headers are dropped, joined and trimmed (headers.py).
3. ``:scheme`` is that of an absolute target; else what ``x-forwarded-proto`` says if that is http or https in
   any case; else the listener's.
4. ``%2F`` and ``%5C`` in the path are kept, refused (400), decoded, or answered with a redirect to the decoded
   path (307), as ``path_with_escaped_slashes_action`` says; that comes before normalization.
5. One dot at the end of the host, before its port, is cut by ``strip_trailing_host_dot``; then
   ``strip_any_host_port`` cuts any port that is a number, ``strip_matching_host_port`` that of the listener. What
   CONNECT loses so is back when it goes upstream, after header mutations and before a rewrite of the host.
6. ``ignore_path_parameters_in_path_matching`` cuts ``;`` and what follows, from each segment (1.40) or from all
   the path (1.36), for path matchers only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, get_args

import attrs

from canarysim.errors import InvalidValue
from canarysim.request import octets, readable
from canarysim.table.headers import INVENTED_HEADERS, SPECIAL, Invented, Refusal, treated_headers
from canarysim.table.paths import merge_slashes, normalize, unescape_slashes, without_parameters
from canarysim.table.values import as_tuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from canarysim.request import Request
    from canarysim.table.behaviour import Behaviour

__all__ = ["INVENTED_HEADERS", "TREATED_TARGET", "HttpSettings", "Invented", "Seen", "see"]


EscapedSlashes = Literal["KEEP_UNCHANGED", "REJECT_REQUEST", "UNESCAPE_AND_REDIRECT", "UNESCAPE_AND_FORWARD"]


@attrs.frozen
class HttpSettings:
    """The connection manager's settings that act before routing, named as in Envoy; defaults are Envoy's.

    ``upgrades`` are the kinds of upgrade it allows, in lower case. ``port`` is that of the listener, which
    ``strip_matching_host_port`` needs. Raises InvalidValue for an action that Envoy does not have.

    >>> HttpSettings(normalize_path=True, upgrades=["websocket"]).merge_slashes
    False
    """

    normalize_path: bool = False
    merge_slashes: bool = False
    strip_any_host_port: bool = False
    strip_matching_host_port: bool = attrs.field(default=False, kw_only=True)
    strip_trailing_host_dot: bool = attrs.field(default=False, kw_only=True)
    path_with_escaped_slashes_action: EscapedSlashes = attrs.field(default="KEEP_UNCHANGED", kw_only=True)
    use_remote_address: bool = attrs.field(default=False, kw_only=True)
    upgrades: tuple[str, ...] = attrs.field(default=(), kw_only=True, converter=as_tuple)
    port: int | None = attrs.field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.strip_any_host_port and self.strip_matching_host_port:
            raise InvalidValue(
                "bad_http_settings", "strip_any_host_port and strip_matching_host_port exclude each other"
            )
        if self.path_with_escaped_slashes_action not in get_args(EscapedSlashes):
            raise InvalidValue(
                "bad_http_settings",
                f"path_with_escaped_slashes_action is one of {', '.join(get_args(EscapedSlashes))}, "
                f"not {self.path_with_escaped_slashes_action!r}",
            )


#: The methods that Envoy's HTTP/1 parser knows.
_METHODS = frozenset(
    """
    DELETE GET HEAD POST PUT OPTIONS TRACE COPY LOCK MKCOL MOVE PROPFIND PROPPATCH SEARCH UNLOCK BIND
    REBIND UNBIND ACL REPORT MKACTIVITY CHECKOUT MERGE MSEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE PATCH PURGE
    MKCALENDAR LINK UNLINK SOURCE
    """.split()
)

# Most requests need none of the treatment below, and these say so at once. Where slashes are merged two of them
# need it too, and where path parameters are ignored a semicolon.
TREATED_TARGET = re.compile(r"[^A-Za-z0-9/_~!$&'()*+,;=:@.?-]|/\.")
_TREATED_HOST = re.compile(r"[^A-Za-z0-9.-]")

_PORT = re.compile(r":[+]?\d+\Z", re.ASCII)
_DOT = re.compile(r"\.(?=\Z|:[^:]*\Z)")
_ODD_TARGET = re.compile(r"[^\x21-\x7e]")
_HOST = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=:%@\[\]]*")


class Seen:
    """A request as the router sees it; all text as octets.

    ``fields`` are the client's headers as they go upstream. ``notes`` say what was changed before matching.
    ``refused`` is (status, reason) where the request is answered before routing, ``location`` where that answer
    sends the client. ``route_path`` is the path without query, empty for CONNECT, which has none;
    ``match_path`` is what path matchers see of it. ``scheme`` is ``:scheme``, ``listener`` the scheme of the
    listener.
    """

    __slots__ = (
        *(
            "_cookies",
            "_headers",
            "_query",
            "authority",
            "connect_port",
            "fields",
            "listener",
            "location",
            "match_path",
        ),
        *("method", "notes", "path", "refused", "request", "route_path", "scheme"),
    )

    def __init__(
        self,
        request: Request,
        path: str,
        method: str,
        authority: str,
        scheme: str,
        listener: str,
        headers: dict[str, tuple[str, ...]],
        fields: tuple[tuple[str, str], ...],
        notes: tuple[str, ...] = (),
        refused: Refusal | None = None,
        location: str | None = None,
    ) -> None:
        self.request = request
        self.path = path
        self.route_path = self.match_path = path.partition("?")[0]
        self.method = method
        self.authority = authority
        self.connect_port = ""
        self.scheme = scheme
        self.listener = listener
        self._headers = headers
        self.fields = fields
        self.notes = notes
        self.refused = refused
        self.location = location
        self._query: dict[str, str] | None = None
        self._cookies: dict[str, str] | None = None

    def header(self, name: str) -> tuple[str, ...] | None:
        """The values of a header that a matcher sees, pseudo headers and Envoy's own included; None without."""
        values = self._headers.get(name)
        if values is None and name in _DERIVED:
            return _DERIVED[name](self)
        return values

    @property
    def asks_upgrade(self) -> bool:
        """Whether it asks for another protocol, as CONNECT does."""
        return not self.route_path or "upgrade" in self._headers

    def values(self, name: str) -> tuple[str, ...]:
        """The values of a header one by one, as they go upstream, or as Envoy makes them up; () without."""
        name = ":authority" if name.lower() == "host" else name.lower()
        return tuple(value for field, value in self.fields if field == name) or self.header(name) or ()

    def first_value(self, name: str) -> str | None:
        """The first value of a header as it goes upstream, where an empty one counts as none."""
        values = self.values(name)
        return (values[0] or None) if values else None

    def changed(self, *, authority: str | None = None, fields: tuple[tuple[str, str], ...] | None = None) -> Seen:
        """The same request on its way on, with another host, or with other headers than the client's."""
        headers = self._headers
        if fields is not None:
            headers = {"x-request-id": (), "x-forwarded-proto": ()}
            for name, value in fields:
                headers[name] = (*headers.get(name, ()), value)
        host = self.authority if authority is None else authority
        return Seen(
            *(self.request, self.path, self.method, host, self.scheme, self.listener, headers),
            *(self.fields if fields is None else fields, self.notes),
        )

    @property
    def query(self) -> dict[str, str]:
        """The first value of each query parameter (views.py, fact 2)."""
        if self._query is None:
            self._query = {}
            for piece in self.path.partition("?")[2].split("&"):
                if piece:
                    key, _, value = piece.partition("=")
                    self._query.setdefault(key, value)
        return self._query

    @property
    def cookies(self) -> dict[str, str]:
        """The first value of each cookie (views.py, fact 3)."""
        if self._cookies is None:
            self._cookies = {}
            for value in self.values("cookie"):
                for piece in value.split(";"):
                    name, sign, text = piece.lstrip(" ").partition("=")
                    if sign:
                        quoted = len(text) > 1 and text[0] == text[-1] == '"'
                        self._cookies.setdefault(name, text[1:-1] if quoted else text)
        return self._cookies

    @property
    def metadata(self) -> dict[str, Any]:
        """The dynamic metadata of the request, by filter."""
        return self.request.metadata

    @property
    def certificate(self) -> str | None:
        """``presented`` or ``validated`` where the client has a certificate."""
        return self.request.certificate

    @property
    def address(self) -> str:
        """The address of the client without its port; empty where it is not known."""
        return self.request.address

    @property
    def internal(self) -> bool:
        """Whether Envoy takes the request for one from inside."""
        return self.request.internal


#: What matchers see of a request besides the headers that the client sent.
_DERIVED: dict[str, Callable[[Seen], tuple[str, ...] | None]] = {
    ":method": lambda seen: (seen.method,),
    ":path": lambda seen: (seen.path,) if seen.path else None,
    ":authority": lambda seen: (seen.authority,),
    ":scheme": lambda seen: (seen.scheme,),
    "x-forwarded-proto": lambda seen: (seen.listener,),
    "x-request-id": lambda _: (Invented("<a random UUID>"),),
}


def see(
    request: Request,
    http: HttpSettings,
    *,
    envoy: Behaviour,
    scheme: str,
    internal_only: tuple[str, ...] = (),
    ignore_path_parameters: bool = False,
) -> Seen:
    """What the router of a listener with ``scheme`` makes of a request. Cost: O(size of the request).

    ``internal_only`` are headers, in lower case, that are dropped from requests that are not from inside.
    """
    path, method, authority = request.path, request.method, request.authority
    notes: list[str] = []
    refused: Refusal | None = None
    location: str | None = None
    port = ""
    if (
        path[:1] != "/"
        or method not in _METHODS
        or TREATED_TARGET.search(path)
        or _TREATED_HOST.search(authority)
        or authority[-1:] == "."
        or (http.merge_slashes and "//" in path)
    ):
        path, method, authority = octets(path), octets(method), octets(authority)
        _note_what_http1_refuses(request, path, method, authority, notes)
        if method == "CONNECT":
            authority, path = authority or path, ""
        else:
            path, refused, location = _treated_path(path, request, http, envoy, notes)
        authority, port = _treated_host(authority, http, notes)

    stated, refused_headers = scheme, False
    everyday = request.everyday_headers
    if (
        everyday is not None
        and SPECIAL.isdisjoint(everyday)
        and not internal_only
        and not request.internal
        and not http.use_remote_address
    ):
        headers, fields = everyday, request.headers
    else:
        forwarded = scheme if http.use_remote_address else None
        headers, fields, why = treated_headers(request, envoy, notes, internal_only, forwarded)
        refused_headers = why is not None and why[0] == 400
        if refused is None or refused_headers:
            refused, location = why, None
        (proto,) = headers.get("x-forwarded-proto", (scheme,))
        if proto.lower() in ("http", "https"):
            stated = proto.lower()
    if location is not None and refused is not None and _is_grpc(headers):
        refused, location = (400, refused[1]), None
    if request.scheme is not None:
        stated = octets(request.scheme.lower())
        if stated not in ("http", "https"):
            refused, location = (400, "Envoy takes URLs of http and https only"), None
        elif http.use_remote_address and (stated, scheme) == ("https", "http") and not refused_headers:
            refused, location = (403, "a URL of https on a connection without TLS"), None
        if stated != scheme:
            notes.append(f"the request names {readable(stated)}, and this is the listener for {scheme}")
    seen = Seen(
        request,
        path,
        method,
        authority,
        stated,
        scheme,
        headers,
        fields,
        tuple(notes) if notes else (),
        refused,
        location,
    )
    if port and method == "CONNECT":
        seen.connect_port = port
    if ignore_path_parameters and ";" in seen.route_path:
        seen.match_path = without_parameters(seen.route_path, by_segment=envoy.strip_path_parameters_per_segment)
    return seen


def _is_grpc(headers: dict[str, tuple[str, ...]]) -> bool:
    kind = headers.get("content-type", ("",))[0]
    return kind == "application/grpc" or kind.startswith("application/grpc+")


def _treated_host(authority: str, http: HttpSettings, notes: list[str]) -> tuple[str, str]:
    """The host after all treatment, and the port that was cut (fact 5)."""
    if http.strip_trailing_host_dot and (dot := _DOT.search(authority)):
        notes.append("the dot at the end of the host was cut")
        authority = authority[: dot.start()] + authority[dot.start() + 1 :]
    port = _PORT.search(authority)
    if port and (http.strip_any_host_port or (http.strip_matching_host_port and int(port[0][1:]) == http.port)):
        notes.append(f"the port {port[0]} was stripped from the host")
        return authority[: port.start()], port[0]
    return authority, ""


def _note_what_http1_refuses(request: Request, path: str, method: str, authority: str, notes: list[str]) -> None:
    if odd := _ODD_TARGET.search(path):
        notes.append(f"HTTP/1 refuses the byte 0x{ord(odd[0]):02X} in the path")
    if method not in _METHODS and method != "CONNECT":
        notes.append(f"HTTP/1 refuses the method {request.method!r}")
    if not _HOST.fullmatch(authority):
        notes.append(f"HTTP/1 refuses the host {request.authority!r}")


def _treated_path(
    path: str, request: Request, http: HttpSettings, envoy: Behaviour, notes: list[str]
) -> tuple[str, Refusal | None, str | None]:
    """The path after all treatment, the refusal where there is none to route by, and where that sends one."""
    if "#" in path and not path.startswith("*"):
        if envoy.http_reject_path_with_fragment:
            return path, (400, "the path has a fragment (#), which Envoy refuses"), None
        path = path.partition("#")[0]
        notes.append("the fragment was cut from the path")
    if not path.startswith("/"):
        if path.startswith("*") and request.method == "OPTIONS":
            return path, (404, "OPTIONS * names no path, so that Envoy looks for no route"), None
        if request.scheme is not None:
            return path, (404, "the URL has no path, so that Envoy looks for no route"), None
        return path, (400, "the path does not begin with /"), None
    before = path
    redirects = False
    if http.path_with_escaped_slashes_action != "KEEP_UNCHANGED":
        path = unescape_slashes(path)
        if path != before:
            if http.path_with_escaped_slashes_action == "REJECT_REQUEST":
                return before, (400, "the path has an escaped slash"), None
            redirects = http.path_with_escaped_slashes_action == "UNESCAPE_AND_REDIRECT"
    if http.normalize_path:
        normal = normalize(path, strip_dot_parameters=envoy.version != "1.36")
        if normal is None:
            return path, (400, "the path cannot be normalized"), None
        path = normal
    if http.merge_slashes:
        path = merge_slashes(path)
    if path != before:
        notes.append(f"the path {readable(before)!r} was normalized to {readable(path)!r}")
    if redirects:
        return path, (307, "the path has an escaped slash"), path
    return path, None, None
