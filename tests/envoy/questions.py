"""What is asked of an Envoy, and what it says."""

from collections.abc import Iterable
from typing import Final

from attrs import field, frozen


def _pairs(headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple(headers)


@frozen(kw_only=True)
class Raw:
    """A request as it goes over the wire; each char is one byte. `host=None` sends no Host header."""

    target: str = field(default="/", kw_only=False)
    method: str = "GET"
    host: str | None = "h"
    headers: tuple[tuple[str, str], ...] = field(default=(), converter=_pairs)
    body: str = ""

    def __attrs_post_init__(self) -> None:
        texts = [self.method, self.target, self.host or ""]
        if any("\n" in text for text in texts) or any("\n" in n + v for n, v in self.headers):
            raise ValueError(f"a line feed would make several lines of one: {self}")

    @property
    def wire(self) -> bytes:
        host = [] if self.host is None else [("host", self.host)]
        lines = [f"{self.method} {self.target} HTTP/1.1", *(f"{n}: {v}" for n, v in (*host, *self.headers))]
        return ("\r\n".join(lines) + "\r\n\r\n" + self.body).encode("latin-1")

    @property
    def alone(self) -> bool:
        """Whether what follows on the connection might be read as part of this request, or not at all."""
        risky = {"connection", "content-length", "expect", "proxy-connection", "transfer-encoding", "upgrade"}
        return (
            self.method == "CONNECT" or bool(self.body) or any(n.strip().lower() in risky for n, _ in self.headers)
        )


@frozen(kw_only=True)
class Verdict:
    """What Envoy did with one request. None stands for "there is none".

    `status` is 0 when the connection was closed without an answer. `method`, `path` and `authority` are
    those sent upstream, or, when nothing was sent, those the router saw. `headers` are all headers sent
    upstream, in their order, without `host` and the route's timeout. `mirrors` are the clusters that got a
    copy, sorted; they are known only where x-request-id is unique and not removed.
    """

    status: int
    flags: str | None = None
    details: str | None = None
    route: str | None = None
    cluster: str | None = None
    method: str | None = None
    path: str | None = None
    authority: str | None = None
    location: str | None = None
    virtual_cluster: str | None = None
    headers: tuple[tuple[str, str], ...] | None = None
    mirrors: tuple[str, ...] = ()
    body: str = field(default="", repr=False)

    def header(self, name: str) -> list[str]:
        """The values of one header as sent upstream."""
        return [value for key, value in self.headers or () if key == name]


SEPARATOR: Final = "\x1f"  # HTTP/1 refuses it everywhere
LOGGED: Final = (
    "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT",
    "RESPONSE_CODE",
    "RESPONSE_FLAGS",
    "RESPONSE_CODE_DETAILS",
    "ROUTE_NAME",
    "UPSTREAM_CLUSTER_RAW",
    "REQ(:METHOD)",
    "REQ(:PATH)",
    "REQ(:AUTHORITY)",
    "RESP(LOCATION)",
    "VIRTUAL_CLUSTER_NAME",
)
