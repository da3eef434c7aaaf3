"""Routes that answer themselves: redirects and direct responses.

Facts (Envoy documentation of RedirectAction and DirectResponseAction; run on 1.36.4 and 1.40.0, see
tests/envoy). Location is scheme, ``://``, host, port, path and query:

1. The scheme is https, or ``scheme_redirect`` as it stands, or that of the request.
2. The host is ``host_redirect``, or that of the request. A ``port_redirect`` is appended to a new host as it is,
   and to the old one in place of its port. Without it the port of the old host stays, but for the default
   port of the old scheme where the scheme changes. The port begins at the last colon, digits or not, but in a
   host that begins with a bracket at the last one that follows a closing bracket.
3. A ``path_redirect`` with a ``?`` takes the place of path and query, and ``strip_query`` has no effect. Without
   one the query is kept unless ``strip_query``. A prefix or regex rewrite changes the path as in rewrites.py;
   an empty result of a regex leaves it. A path that does not begin with a slash gets one.
4. A direct response has a status from 200 to 599; how long its body may be, the table says. With 201 and the 300s
   it has a location made of the URL of the request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from canarysim.errors import InvalidValue
from canarysim.request import octets
from canarysim.table.values import Undetermined

if TYPE_CHECKING:
    from canarysim.table.behaviour import Behaviour
    from canarysim.table.http import Seen
    from canarysim.table.matchers import PathMatcher
    from canarysim.table.rewrites import PathRewrite

__all__ = ["REDIRECT_CODES", "DirectResponseAction", "RedirectAction"]

#: The names of redirect codes, in the order of their numbers in Envoy's and Gloo's configurations.
REDIRECT_CODES = {
    "MOVED_PERMANENTLY": 301,
    "FOUND": 302,
    "SEE_OTHER": 303,
    "TEMPORARY_REDIRECT": 307,
    "PERMANENT_REDIRECT": 308,
}


@attrs.frozen(kw_only=True)
class RedirectAction:
    """Answers with a redirect. ``status`` is the HTTP status; ``path`` is a text or a rewrite."""

    https: bool = False
    scheme: str = ""
    host: str = ""
    port: int = 0
    path: str | PathRewrite | None = None
    status: int = 301
    strip_query: bool = False

    def __attrs_post_init__(self) -> None:
        if self.status not in REDIRECT_CODES.values():
            raise InvalidValue("bad_redirect_code", f"{self.status} is no redirect code of Envoy's")
        if self.https and self.scheme:
            raise InvalidValue("two_schemes", "https_redirect and scheme_redirect exclude each other")

    def why_unknown(self, envoy: Behaviour) -> str | None:
        return None if self.path is None or isinstance(self.path, str) else self.path.why_unknown(envoy)

    def location(self, seen: Seen, match: PathMatcher, envoy: Behaviour) -> str | Undetermined:
        """Where the client is sent (facts 1 to 3)."""
        scheme = "https" if self.https else octets(self.scheme) or seen.scheme
        target = self._target(seen, match, envoy)
        if isinstance(target, Undetermined):
            return target
        return f"{scheme}://{self._authority(seen, scheme)}{target}"

    def _authority(self, seen: Seen, scheme: str) -> str:
        if self.host:
            host = octets(self.host)
            return f"{host}:{self.port}" if self.port else host
        host = seen.authority
        end = _end_of_name(host)
        if self.port:
            return f"{host[:end]}:{self.port}"
        default = {"http": ":80", "https": ":443"}.get(seen.scheme)
        return host[:end] if scheme != seen.scheme and host[end:] == default else host

    def _target(self, seen: Seen, match: PathMatcher, envoy: Behaviour) -> str | Undetermined:
        path, query = seen.route_path, seen.path[len(seen.route_path) :]
        if isinstance(self.path, str):
            new = octets(self.path)
            if "?" in new:
                query = ""
            path = new or path
        elif self.path is not None:
            rewritten = self.path.apply(path, match, envoy, seen)
            if isinstance(rewritten, Undetermined):
                return rewritten
            path = rewritten or path
        target = ("" if path.startswith("/") else "/") + path + query
        if self.strip_query and not (isinstance(self.path, str) and "?" in self.path):
            target = target.partition("?")[0]  # also a query that a rewrite brought in
        return target

    def to_envoy(self) -> dict[str, Any]:
        """As Envoy's RedirectAction."""
        name = next(name for name, status in REDIRECT_CODES.items() if status == self.status)
        path: dict[str, Any] = {}
        if self.path is not None:
            path = {"path_redirect": self.path} if isinstance(self.path, str) else self.path.to_envoy()
        found = {
            "https_redirect": self.https,
            "scheme_redirect": self.scheme,
            "host_redirect": self.host,
            "port_redirect": self.port,
            **path,
            "response_code": name if self.status != 301 else "",
            "strip_query": self.strip_query,
        }
        return {key: value for key, value in found.items() if value}

    def __str__(self) -> str:
        words = [f"redirect {self.status}"]
        if self.https:
            words.append("to https")
        if self.host:
            words.append(f"to host {self.host}")
        if self.port:
            words.append(f"to port {self.port}")
        if self.path is not None:
            words.append(f"path {self.path}")
        if self.strip_query:
            words.append("without query")
        return ", ".join(words)


@attrs.frozen(kw_only=True)
class DirectResponseAction:
    """Answers with a status and a body (fact 4). How long it may be is a matter of the route configuration."""

    status: int
    body: str = ""

    def __attrs_post_init__(self) -> None:
        if not 200 <= self.status <= 599:
            raise InvalidValue("bad_status", f"a direct response has a status from 200 to 599, not {self.status}")

    def location(self, seen: Seen) -> str | None:
        """The location that comes with 201 and the 300s."""
        if self.status == 201 or 300 <= self.status < 400:
            return f"{seen.scheme}://{seen.authority}{seen.path}"
        return None

    def to_envoy(self) -> dict[str, Any]:
        """As Envoy's DirectResponseAction."""
        body = {"body": {"inline_string": self.body}} if self.body else {}
        return {"status": self.status, **body}

    def __str__(self) -> str:
        return f"response {self.status}"


def _end_of_name(host: str) -> int:
    """Where the port begins, with its colon (fact 2)."""
    at = host.rfind("]:") + 1 if host[:1] == "[" else host.rfind(":")
    return at if at > 0 or host[:1] == ":" else len(host)
