"""The pieces that a request is made of, and the request that they make together.

A piece is what can be chosen by itself: the host, the method, the path, one header, one query parameter, one
cookie. Every condition looks at one piece. Where it would look at two (``:path`` has path and query in it, the
header ``cookie`` all cookies, and of ``te`` more is kept beside ``upgrade``) these are one piece.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import attrs

from canarysim.request import Request
from canarysim.table.conditions import CookieMatcher, TlsContextMatcher
from canarysim.table.matchers import PathMatcher, QueryParameterMatcher
from canarysim.table.metadata import MetadataMatcher
from canarysim.table.views import HeaderView

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from canarysim.table.hosts import VirtualHost
    from canarysim.table.matchers import Matcher
    from canarysim.table.route_table import RouteTable

__all__ = [
    "HEADER_NAME",
    "HEADER_VALUE",
    "HOST",
    "HOST_NAME",
    "KNOWN_METHODS",
    "LISTENER",
    "METHODS",
    "PATH",
    "PLAIN_HOST",
    "TARGET",
    "Key",
    "Maker",
    "is_sendable",
]

Key = tuple[str, ...]
HOST: Key = ("host",)
METHOD: Key = ("method",)
PATH: Key = ("path",)
LISTENER: Key = ("listener",)
PROTOCOL: Key = ("protocol",)
CERTIFICATE: Key = ("certificate",)

HOST_NAME = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=:%@\[\]]*")
#: What is a host in a URL too.
PLAIN_HOST = re.compile(r"[A-Za-z0-9.-]*[A-Za-z0-9](?::[0-9]{1,5})?|\[::1\](?::[0-9]{1,5})?")
HEADER_NAME = re.compile(r"(?!(?:content-length|transfer-encoding)\Z)[a-z0-9!#$%&'*+.^_`|~-]+")
HEADER_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
TARGET = re.compile(r"[!\"$-~]*")  # no blank, no #, nothing beyond ASCII
#: What a test and a person ask with first, and what else Envoy's HTTP/1 parser knows.
METHODS = tuple("GET POST PUT DELETE PATCH HEAD OPTIONS PURGE PROPFIND TRACE COPY LOCK".split())
KNOWN_METHODS = (
    *METHODS,
    *"MKCOL MOVE PROPPATCH SEARCH UNLOCK BIND REBIND UNBIND ACL REPORT MKACTIVITY CHECKOUT MERGE MSEARCH".split(),
    *"NOTIFY SUBSCRIBE UNSUBSCRIBE MKCALENDAR LINK UNLINK SOURCE".split(),
)
#: An address from inside, as the next proxy tells it.
_INSIDE = ("x-forwarded-for", "10.0.0.1")


def is_sendable(request: Request) -> bool:
    """Whether HTTP/1 carries the request as it is."""
    if request.method == "CONNECT":
        return HOST_NAME.fullmatch(request.authority) is not None
    return (
        request.method in KNOWN_METHODS
        and TARGET.fullmatch(request.path) is not None
        and HOST_NAME.fullmatch(request.authority) is not None
        and all(HEADER_NAME.fullmatch(name) and HEADER_VALUE.fullmatch(value) for name, value in request.headers)
    )


@attrs.frozen
class Maker:
    """Makes requests for one virtual host.

    ``connect`` says that they are CONNECT requests, ``internal`` that they come from inside; ``whole_target``
    makes one piece of path and query, ``whole_cookies`` one of all cookies.
    """

    table: RouteTable
    host: VirtualHost
    connect: bool = False
    internal: bool = False
    whole_target: bool = False
    whole_cookies: bool = False

    def fit(self, conditions: Iterable[Matcher]) -> Maker:
        """One that keeps together what these conditions look at together."""
        headers = {matcher.view.header for matcher in conditions if isinstance(matcher.view, HeaderView)}
        return attrs.evolve(
            self,
            whole_target=self.whole_target or ":path" in headers,
            whole_cookies=self.whole_cookies or "cookie" in headers,
        )

    @property
    def host_header(self) -> str:
        """The header that stands for the host, if there is one."""
        name = self.table.vhost_header.lower()
        return "" if name[:1] == ":" else name

    def key(self, condition: Matcher) -> Key:
        """The piece that a condition looks at."""
        if isinstance(condition, PathMatcher):
            return PATH
        if isinstance(condition, QueryParameterMatcher):
            return PATH if self.whole_target else ("query", condition.name)
        if isinstance(condition, CookieMatcher):
            return ("header", "cookie") if self.whole_cookies else ("cookie", condition.name)
        if isinstance(condition, MetadataMatcher):
            return "metadata", condition.filter
        if isinstance(condition, TlsContextMatcher):
            return CERTIFICATE
        if isinstance(condition.view, HeaderView):
            name = condition.view.header
            if self.host_header and name == self.host_header:
                return HOST
            pseudo = {":authority": HOST, ":method": METHOD, ":path": PATH, ":scheme": LISTENER}
            more = {"x-forwarded-proto": LISTENER, "te": PROTOCOL, "upgrade": PROTOCOL}
            return {**pseudo, **more}.get(name, ("header", name))
        return ("nothing",)

    def request(self, chosen: Mapping[Key, Any]) -> Request:
        """The request of these pieces; what is not chosen is as plain as can be."""
        authority, of_host = chosen.get(HOST, ("", None))
        proto, scheme = chosen.get(LISTENER, (None, None))
        headers: list[tuple[str, str]] = [(self.host_header, value) for value in of_host or ()]
        queries, cookies = [], []
        metadata = {}
        for key, value in chosen.items():
            if value is None:
                continue
            if key[0] == "header":
                headers += [(key[1], one) for one in value]
            elif key == PROTOCOL:
                headers += [("te", one) for one in value[0] or ()]
                headers += [("upgrade", one) for one in value[1] or ()]
                headers += [("connection", "upgrade")] if value[1] else []  # without it Envoy drops the other
            elif key[0] == "query":
                queries.append(f"{key[1]}={value}" if value else key[1])
            elif key[0] == "cookie":
                cookies.append(f"{key[1]}={value}")
            elif key[0] == "metadata":
                metadata[key[1]] = value
        headers += [("x-forwarded-proto", value) for value in proto or ()]
        if cookies:
            headers.append(("cookie", "; ".join(cookies)))
        if self.internal and not any(name == _INSIDE[0] for name, _ in headers):
            headers.append(_INSIDE)
        path = chosen.get(PATH, "/")
        if queries:
            path += ("&" if "?" in path else "?") + "&".join(queries)
        return Request(
            authority if self.connect else path,
            method="CONNECT" if self.connect else chosen.get(METHOD, "GET"),
            authority=authority,
            scheme=scheme if authority and PLAIN_HOST.fullmatch(authority) else None,
            headers=headers,
            metadata=metadata,
            certificate=chosen.get(CERTIFICATE),
            internal=self.internal,
        )

    def as_url(self, request: Request) -> Request | None:
        """The same with a whole URL for a target, as one writes it down; None where it is not that plain."""
        plain = request.scheme is None and not self.connect and PLAIN_HOST.fullmatch(request.authority)
        if not plain or not request.authority or request.path[:1] != "/":
            return None
        if any(name in ("x-forwarded-proto", "connection") for name, _ in request.headers):
            return None
        return Request(
            request.path,
            method=request.method,
            authority=request.authority,
            scheme=self.table.scheme,
            headers=request.headers,
            metadata=request.metadata,
            certificate=request.certificate,  # type: ignore[arg-type]
            address=request.address,
            internal=request.internal,
        )
