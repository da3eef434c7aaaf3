"""What becomes of a request, and what its upstream is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import attrs

from canarysim.table.actions import RouteAction
from canarysim.table.redirects import DirectResponseAction
from canarysim.table.upstream import Upstream, upstream

if TYPE_CHECKING:
    from canarysim.problems import Problem, Where
    from canarysim.table.actions import Destination
    from canarysim.table.behaviour import Behaviour
    from canarysim.table.faults import FaultDelay, Faults
    from canarysim.table.http import Seen
    from canarysim.table.mutations import HeaderMutations
    from canarysim.table.routes import Route
    from canarysim.table.transform import Behind
    from canarysim.table.transformations import UpstreamRequest

__all__ = ["KINDS", "Decision", "Kind"]

Kind = Literal[
    "forward",
    "redirect",
    "tls_redirect",
    "direct_response",
    "fault_abort",
    "not_found",
    "cluster_not_found",
    "rejected",
    "unknown",
]
KINDS: tuple[str, ...] = get_args(Kind)


@attrs.frozen
class Decision:
    """Where one request goes.

    ``kind`` says what happens; ``rejected`` means refused by Envoy itself: before any route was looked at, or
    because the route that matched allows no such upgrade; ``unknown`` that something the input says is not
    simulated and could change the decision: ``unknown`` (the attribute) names it. Where only a part is open,
    the kind stands and the part is None.

    >>> import canarysim as cs
    >>> table = cs.loads('''
    ... apiVersion: gateway.solo.io/v1
    ... kind: VirtualService
    ... metadata: {name: shop}
    ... spec: {virtualHost: {routes: [{routeAction: {single: {upstream: {name: v1}}}}]}}
    ... ''')
    >>> decision = table.route(cs.Request("/orders"))
    >>> decision.kind, decision.cluster, decision.source.line
    ('forward', 'v1_default', 5)
    """

    kind: Kind
    virtual_host: str | None
    matched: Route | None
    destination: Destination | None
    status: int | None
    location: str | None
    #: Clusters that get a copy of the request; None where that is open.
    mirrors: tuple[str, ...] | None
    #: The virtual cluster under which Envoy counts it; None where the virtual host has none.
    virtual_cluster: str | None
    unknown: tuple[Problem, ...] = attrs.field(eq=False)
    open_parts: tuple[str, ...]
    source: Where | None = attrs.field(eq=False)
    seen: Seen = attrs.field(eq=False, repr=False)
    envoy: Behaviour = attrs.field(eq=False, repr=False)
    #: What is sent on, where that was looked at already.
    _upstream: Upstream | None = attrs.field(default=None, eq=False, repr=False)
    #: What changes the headers of an answer of Envoy's own, in the order of its turn.
    _levels: tuple[HeaderMutations, ...] = attrs.field(default=(), eq=False, repr=False)
    #: What comes behind a function, where there is more than its route's rewrites.
    _behind: Behind | None = attrs.field(default=None, eq=False, repr=False)
    #: The settings of the fault filter that hold for it, as the runtime has them; None without any.
    faults: Faults | None = attrs.field(default=None, repr=False)

    @property
    def route(self) -> str | None:
        """The name of the route that matched."""
        return None if self.matched is None else self.matched.name

    @property
    def cluster(self) -> str | None:
        """The cluster that gets the request; None unless it is forwarded."""
        return None if self.destination is None else self.destination.cluster

    @property
    def function(self) -> str | None:
        """The function that Gloo calls at the destination, if it names one."""
        return None if self.destination is None else self.destination.function

    @property
    def upstream(self) -> str | None:
        """The Upstream that the cluster was made of, as ``namespace.name``."""
        return None if self.destination is None else self.destination.upstream

    def _sent(self, part: str) -> Upstream | None:
        """What is sent on; None where nothing is, or where that part is open."""
        if self.kind != "forward" or part in self.open_parts:
            return None
        if self._upstream is not None:
            return self._upstream
        assert self.matched is not None
        assert self.destination is not None
        assert isinstance(self.matched.action, RouteAction)
        return upstream(self.matched.action, self.matched, self.destination, self.seen, self.envoy)

    @property
    def path(self) -> str | None:
        """The path with query as it goes upstream, after rewriting; None where it is open or nothing is sent.

        What a function makes of it is not in it: that is ``upstream_request``.
        """
        sent = self._sent("path")
        return None if sent is None else sent.path

    @property
    def authority(self) -> str | None:
        """The host as it goes upstream; None where it is open or nothing is sent."""
        sent = self._sent("authority")
        return None if sent is None else sent.authority

    @property
    def request_headers(self) -> tuple[tuple[str, str], ...] | None:
        """The client's headers as they go upstream, what the route adds, and what tells of rewrites.

        That is ``x-envoy-original-path``, ``x-envoy-original-host`` and ``x-forwarded-host``; not what Envoy adds
        to every request (x-request-id, x-forwarded-proto, timeouts). None where they are open or nothing is
        sent.
        """
        sent = self._sent("request_headers")
        return None if sent is None else sent.headers

    @property
    def response_headers(self) -> tuple[tuple[str, str], ...] | None:
        """The headers of a redirect or direct response, as far as the configuration makes them.

        That is without ``date``, ``server`` and those that depend on what a request alone does not tell. None
        where the answer is not the route's.
        """
        if self.kind not in ("redirect", "direct_response", "tls_redirect") or "location" in self.open_parts:
            return None
        from canarysim.table.mutations import direct_response_headers

        action = None if self.matched is None else self.matched.action
        made = direct_response_headers(
            self.status or 0,
            action.body if isinstance(action, DirectResponseAction) else "",
            self.location,
            self._levels,
            self.seen,
            self.seen.fields,
            self.envoy.version,
            method=self.seen.method,
        )
        return tuple((name, value) for name, value in made.fields if name not in ("date", "server"))

    @property
    def upstream_request(self) -> UpstreamRequest | None:
        """What the function at the destination makes of the request, and the route of that.

        None where nothing is forwarded, and where no function is called or its Upstream is not known. Worked out
        each time it is asked.
        """
        if self.destination is None or self.destination.transformation is None:
            return None
        from canarysim.table.transform import Behind, upstream_request

        assert self.matched is not None
        assert isinstance(self.matched.action, RouteAction)
        behind = self._behind or Behind()
        return upstream_request(
            *(self.matched.action, self.matched, self.destination, self.seen, self.envoy), behind
        )

    @property
    def delay(self) -> FaultDelay | None:
        """The delay that a share of such requests suffers first, by a fault; it moves no decision."""
        return None if self.faults is None else self.faults.delays

    @property
    def notes(self) -> tuple[str, ...]:
        """What was changed before matching, and what HTTP/1 would have refused."""
        return self.seen.notes

    @property
    def copies(self) -> str:
        """The clusters that get a copy, as the end of a phrase; empty where none does."""
        return f", a copy to {' and '.join(self.mirrors)}" if self.mirrors else ""

    @property
    def outcome(self) -> str:
        """The decision in a few words."""
        match self.kind:
            case "forward":
                return f"{self.destination}{self.copies}"
            case "not_found":
                return "no route (404)" if self.virtual_host else "no virtual host (404)"
            case "rejected":
                return f"rejected ({self.status})"
            case "tls_redirect" | "redirect":
                return f"redirect to {self.location or 'an open place'} ({self.status})"
            case "direct_response":
                return f"response {self.status}"
            case "fault_abort":
                return f"aborted with {self.status} by a fault"
            case "cluster_not_found":
                return f"no such cluster ({self.status})"
            case _:
                return self.kind.replace("_", " ")
