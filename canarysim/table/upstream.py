"""What is sent to the cluster that was picked: path, host and headers, after everything that changes them.

Facts (Envoy documentation of RouteAction; run on 1.36.4 and 1.40.0, see tests/envoy):

1. First the picked entry of a weighted list changes headers, then it replaces the host by a literal, of which no
   header tells. Then come the headers of route, virtual host and table (mutations.py), the rewrite of the host
   by the route, and that of the path. Each sees what those before it made.
2. A host that a route rewrites is told by ``x-envoy-original-host``, unless it was empty;
   ``append_x_forwarded_host`` appends it to ``x-forwarded-host`` unless it is the last there. A rewritten path
   is told by ``x-envoy-original-path``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from canarysim.request import octets
from canarysim.table.headers import Invented
from canarysim.table.hosts import without_port
from canarysim.table.values import Undetermined

if TYPE_CHECKING:
    from canarysim.table.actions import Destination, RouteAction
    from canarysim.table.behaviour import Behaviour
    from canarysim.table.hosts import VirtualHost
    from canarysim.table.http import Seen
    from canarysim.table.mutations import HeaderMutations
    from canarysim.table.route_table import RouteTable
    from canarysim.table.routes import Route

__all__ = ["Upstream", "levels_of", "response_levels", "upstream"]


class Upstream(NamedTuple):
    """What the cluster is sent; ``open`` are the parts that a request alone does not tell, and why.

    ``going`` is the request after all changes of headers, and before host and path are rewritten.
    """

    path: str
    authority: str
    headers: tuple[tuple[str, str], ...]
    open: dict[str, str]
    going: Seen

    def first_value(self, name: str) -> str | None:
        """The first value of a header as it is sent, where an empty one counts as none."""
        name = name.lower()
        if name in ("host", ":authority"):
            return Invented("<open>") if "authority" in self.open else self.authority or None
        if name == ":path":
            return Invented("<open>") if "path" in self.open else self.path
        found = next((value for field, value in self.headers if field == name), None)
        return self.going.first_value(name) if found is None else found or None


def levels_of(
    table: RouteTable, host: VirtualHost, route: Route, destination: Destination
) -> tuple[HeaderMutations | None, tuple[HeaderMutations, ...]]:
    """What changes headers of requests: the entry that was picked, and behind its host all else in order."""
    if destination.mutations is route.mutations is host.mutations is table.mutations is None:
        return None, ()
    entry, *three = (
        None if owner.mutations is None else owner.mutations.request for owner in (destination, route, host, table)
    )
    if not any(three):
        return entry or None, ()
    from canarysim.table.mutations import in_order

    return entry or None, in_order(None, *three, most_specific_wins=table.most_specific_header_mutations_wins)


def response_levels(table: RouteTable, host: VirtualHost, route: Route | None) -> tuple[HeaderMutations, ...]:
    """What changes the headers of an answer, in order."""
    own = None if route is None or route.mutations is None else route.mutations.response
    three = (own, *(None if each.mutations is None else each.mutations.response for each in (host, table)))
    if not any(three):
        return ()
    from canarysim.table.mutations import in_order

    return in_order(None, *three, most_specific_wins=table.most_specific_header_mutations_wins)


def upstream(
    action: RouteAction,
    route: Route,
    destination: Destination,
    seen: Seen,
    envoy: Behaviour,
    entry: HeaderMutations | None = None,
    levels: tuple[HeaderMutations, ...] = (),
) -> Upstream:
    """What a destination of a route is sent of a request. Cost: O(headers)."""
    changes_headers = entry is not None or bool(levels)
    unsure: dict[str, str] = {}
    client = seen
    if changes_headers:
        seen = _mutated(seen, destination, entry, levels, unsure)
    elif destination.host_rewrite:
        seen = seen.changed(authority=octets(destination.host_rewrite))
    if client.connect_port and without_port(seen.authority) == seen.authority:
        seen = seen.changed(authority=seen.authority + client.connect_port)
    told: dict[str, str] = {}
    authority, path = seen.authority, seen.path
    if action.host_rewrite is not None:
        host = action.host_rewrite.apply(seen, envoy)
        if isinstance(host, Undetermined):
            unsure["authority"] = unsure["request_headers"] = host.reason
        elif host is not None:
            if authority:  # nothing is told of an empty host
                told["x-envoy-original-host"] = authority
                if action.host_rewrite.append_x_forwarded_host:
                    hosts = ",".join(filter(None, seen.values("x-forwarded-host")))
                    told["x-forwarded-host"] = _appended(hosts, authority)
            authority = host
    if action.path_rewrite is not None:
        new = action.path_rewrite.apply(seen.route_path, route.match.path, envoy, seen)
        if isinstance(new, Undetermined):
            unsure["path"] = unsure["request_headers"] = new.reason
        elif new is not None:
            told["x-envoy-original-path"] = path
            path = new + path[len(seen.route_path) :]
    fields = _client_fields(seen, client, envoy) if changes_headers or seen.internal else _told(seen.fields)
    return Upstream(
        path, authority, (*(field for field in fields if field[0] not in told), *told.items()), unsure, seen
    )


def _appended(hosts: str, host: str) -> str:
    """A list of hosts with one more, unless it is the last already."""
    last = next((each for each in reversed(hosts.split(",")) if each), "")
    return hosts if last == host else ",".join(filter(None, (hosts, host)))


def _told(fields: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Headers without those that Envoy makes up."""
    if any(isinstance(value, Invented) for _, value in fields):
        return tuple(field for field in fields if not isinstance(field[1], Invented))
    return fields


_PROTO = "x-forwarded-proto"


def _mutated(
    seen: Seen,
    destination: Destination,
    entry: HeaderMutations | None,
    levels: tuple[HeaderMutations, ...],
    unsure: dict[str, str],
) -> Seen:
    """The request after all changes of headers, and after the host of the entry (fact 1)."""
    from canarysim.table.mutations import apply_all

    names = {name for name, _ in seen.fields}
    own = [(n, values[0]) for n in (_PROTO, "x-request-id") if n not in names and (values := seen.values(n))]
    mutated = apply_all([] if entry is None else [entry], [*seen.fields, *own], seen)
    if destination.host_rewrite:
        seen = seen.changed(authority=octets(destination.host_rewrite))
    mutated = apply_all(levels, mutated, seen)
    for name, why in mutated.open.items():
        unsure.setdefault("request_headers", f"the header {name}: {why}")
    return seen.changed(fields=(*mutated.fields, *((name, Invented("<known to Envoy>")) for name in mutated.open)))


def _client_fields(seen: Seen, client: Seen, envoy: Behaviour) -> tuple[tuple[str, str], ...]:
    """The headers without those that Envoy adds to every request, and those that were meant for it."""
    from canarysim.table.mutations import Mutated, sent_upstream

    sent_it = any(name == _PROTO for name, _ in client.fields)
    untouched = None if sent_it else (_PROTO, client.listener)
    kept = [field for field in seen.fields if not isinstance(field[1], Invented) and field != untouched]
    return sent_upstream(Mutated(tuple(kept)), envoy.version).fields
