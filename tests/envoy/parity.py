"""Holds the decisions of a table against those of a real Envoy that runs its export."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import attrs

import canarysim as cs
from canarysim.request import octets, readable
from canarysim.table.actions import RouteAction
from canarysim.table.faults import FAULT_FILTER
from canarysim.table.routes import RouteMatch

from .configuration import type_url
from .judge import Judge, Raw, Verdict, Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: The header that gives Envoy the random value of the weighted pick.
RANDOM_VALUE = "x-judge-random-value"

#: The address that the judge takes for one from inside.
INSIDE = "10.0.0.1"

Question = tuple[cs.Request, int]


def judged(table: cs.RouteTable, number: int = 0) -> cs.RouteTable:
    """The table with the random value of every pick as an input, and with runtime keys of its own.

    One Envoy has one runtime for all its tables.
    """
    own = f"t{number}."

    def named(policy: Any) -> Any:
        fraction = policy.fraction
        if fraction is None or not fraction.runtime_key:
            return policy
        return attrs.evolve(policy, fraction=attrs.evolve(fraction, runtime_key=own + fraction.runtime_key))

    def told(action: Any) -> Any:
        if not isinstance(action, RouteAction):
            return action
        action = attrs.evolve(action, mirrors=list(map(named, action.mirrors)))
        if action.runtime_key_prefix:
            action = attrs.evolve(action, runtime_key_prefix=own + action.runtime_key_prefix)
        by_chance = action.weighted and not action.use_hash_policy and not action.header_name
        return attrs.evolve(action, header_name=RANDOM_VALUE) if by_chance else action

    def asked(match: RouteMatch) -> RouteMatch:
        fraction = match.runtime_fraction
        if fraction is None or not fraction.runtime_key:
            return match
        return attrs.evolve(match, runtime_fraction=attrs.evolve(fraction, runtime_key=own + fraction.runtime_key))

    hosts = [
        attrs.evolve(
            host,
            routes=[attrs.evolve(r, match=asked(r.match), action=told(r.action)) for r in host.routes],
            mirrors=list(map(named, host.mirrors)),
        )
        for host in table.virtual_hosts
    ]
    runtime = {
        key if key.startswith("envoy.") else own + key: dict(value) if isinstance(value, tuple) else value
        for key, value in table.runtime.items
    }
    return attrs.evolve(table, virtual_hosts=hosts, mirrors=list(map(named, table.mirrors)), runtime=runtime)


def configuration(
    table: cs.RouteTable, number: int = 0, *, inside: bool = False
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The export of a table as it is judged, and its connection manager's settings.

    ``inside`` is whether requests may come from inside.
    """
    mapping = cs.to_envoy(judged(table, number))
    mapping["validate_clusters"] = False  # as with the routes that a control plane sends
    settings = attrs.asdict(table.http, recurse=False)
    del settings["port"]  # the judge's listeners have none
    # What makes a request internal is that its client's address, as it was forwarded, is known as such.
    if inside:
        settings["internal_address_config"] = {"cidr_ranges": [{"address_prefix": INSIDE, "prefix_len": 32}]}
    settings["upgrade_configs"] = [{"upgrade_type": kind} for kind in settings.pop("upgrades")]
    if FAULT_FILTER in str(mapping):
        settings["http_filters"] = [
            {"name": FAULT_FILTER, "typed_config": {"@type": type_url("filters.http.fault.v3.HTTPFault")}},
            {"name": "router", "typed_config": {"@type": type_url("filters.http.router.v3.Router")}},
        ]
    return mapping, settings


def raw(table: cs.RouteTable, request: cs.Request, random_value: int) -> Raw:
    headers = [(octets(name), octets(value)) for name, value in request.headers]
    if table.scheme == "https" and not any(name == "x-forwarded-proto" for name, _ in headers):
        # The judge listens in plain text; this header is all that a TLS listener would do differently.
        headers.append(("x-forwarded-proto", "https"))
    target = octets(request.path)
    if request.method == "CONNECT":
        target = octets(request.authority) or target
    elif request.scheme is not None:
        target = f"{request.scheme}://{octets(request.authority)}{target}"
    return Raw(
        target,
        method=request.method,
        host=octets(request.authority),
        headers=(*headers, (RANDOM_VALUE, str(random_value))),
    )


def askable(table: cs.RouteTable, request: cs.Request) -> bool:
    """Whether the judge, which has no TLS, can stand for the table's listener, and has the time to answer."""
    if any(n == "x-envoy-upstream-stream-duration-ms" and v.strip().isdecimal() for n, v in request.headers):
        return False  # Envoy would cut it off
    if request.internal != ([v for n, v in request.headers if n == "x-forwarded-for"] == [INSIDE]):
        return False  # for the judge a request is from inside by this address, and by no other means
    if table.scheme == "http":
        return True
    told = [value.strip(" \t").lower() for name, value in request.headers if name == "x-forwarded-proto"]
    return not told or (len(told) == 1 and told[0] in ("http", "https"))


def expected(table: cs.RouteTable, alone: cs.RouteTable, question: Question) -> list[cs.Decision]:
    """The decisions that may come of a question: one, or one for each value of what is not an input.

    ``alone`` is the table as it is judged.
    """
    request, random_value = question
    headers = (*request.headers, (RANDOM_VALUE, str(random_value)))
    asked = cs.Request(
        request.path,
        method=request.method,
        authority=request.authority,
        scheme=request.scheme,
        headers=headers,
        address=request.address,
        internal=request.internal,
    )
    possible = [decision for decision, chance in alone.chances(asked) if chance.share]
    if len(possible) == 1 and possible[0].destination is not None:
        return [table.route(request, random_value)]
    return possible


def differences(decision: cs.Decision, verdict: Verdict) -> list[str]:
    """What canarysim and Envoy say differently of one request; [] where they agree."""
    ours: dict[str, object] = {}
    theirs: dict[str, object] = {}
    # Envoy may log a cluster for these too, and not use it.
    if decision.kind not in ("rejected", "cluster_not_found", "fault_abort"):
        ours["cluster"], theirs["cluster"] = decision.cluster, verdict.cluster and readable(verdict.cluster)
    aborts = verdict.details == "fault_filter_abort"
    if aborts or decision.kind == "fault_abort":
        ours["aborts"], theirs["aborts"] = decision.kind == "fault_abort", aborts
    if decision.kind in ("forward", "redirect", "direct_response", "cluster_not_found", "fault_abort"):
        ours["route"], theirs["route"] = decision.route or None, verdict.route
    if decision.kind == "forward":
        theirs |= {"path": verdict.path, "authority": verdict.authority or None}
        ours |= {"path": decision.path, "authority": decision.authority or None}
        if decision.seen.method == "CONNECT":  # its target is the host
            theirs["path"] = ""
        seen_path = decision.seen.path  # copies of CONNECT are not waited for either
        # Copies are known by their id, which is one of many only where the client gives none. They are not waited
        # for where the request is an upgrade, or is cut off by a limit on its duration.
        unclear = {"x-request-id", "upgrade", "x-envoy-upstream-stream-duration-ms"}
        if decision.mirrors is not None and unclear.isdisjoint(dict(decision.seen.request.headers)) and seen_path:
            ours["mirrors"], theirs["mirrors"] = sorted(decision.mirrors), list(verdict.mirrors)
        if decision.virtual_cluster is not None:  # Envoy logs none for what it calls "other"
            ours["virtual cluster"] = decision.virtual_cluster
            theirs["virtual cluster"] = verdict.virtual_cluster or "other"
        if verdict.headers is not None and decision.request_headers is not None:
            sent = [(name, value) for name, value in decision.request_headers if name != RANDOM_VALUE]
            ours["headers"] = sorted(sent)
            theirs["headers"] = sorted(
                (name, value) for name, value in verdict.headers if name not in _ADDED or (name, value) in sent
            )
        for part in decision.open_parts:
            name = "headers" if part == "request_headers" else part
            ours.pop(name, None)
            theirs.pop(name, None)
    else:
        grpc = _is_grpc(decision)
        if grpc and decision.kind == "rejected" and verdict.status == decision.status:
            grpc = False  # refused so early that Envoy does not look whether it is gRPC
        ours |= {"status": 200 if grpc else decision.status, "location": decision.location}
        theirs |= {"status": verdict.status, "location": verdict.location}
    return [f"{key}: {ours[key]!r}, Envoy {theirs[key]!r}" for key in ours if ours[key] != theirs[key]]


def _is_grpc(decision: cs.Decision) -> bool:
    """Whether what Envoy answers itself is sent as a gRPC status, in an answer of 200."""
    kind = (decision.seen.header("content-type") or ("",))[0]
    return bool(decision.seen.path) and (kind == "application/grpc" or kind.startswith("application/grpc+"))


#: Headers Envoy adds of its own.
_ADDED = frozenset(
    [
        *(RANDOM_VALUE, "x-request-id", "x-forwarded-proto", "x-forwarded-for", "x-envoy-external-address"),
        *("x-envoy-expected-rq-timeout-ms", "content-length"),
    ]
)


def _runtimes(tables: Sequence[cs.RouteTable]) -> dict[tuple[Any, ...], list[int]]:
    """The tables by the guards that they set: one Envoy has one runtime, in which other keys are no trouble."""
    groups: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for number, table in enumerate(tables):
        groups[tuple(item for item in table.runtime.items if item[0].startswith("envoy."))].append(number)
    return groups


def disagreements(
    version: Version, tables: Sequence[cs.RouteTable], questions: Sequence[Sequence[Question]]
) -> list[str]:
    """Asks Envoy about all tables; a text for each decision in which it differs. Unknown ones are not compared."""
    found: list[str] = []
    for numbers in _runtimes(tables).values():
        found += _disagreements(version, [(number, tables[number], questions[number]) for number in numbers])
    return found


def _disagreements(version: Version, asked: list[tuple[int, cs.RouteTable, Sequence[Question]]]) -> list[str]:
    found = []
    missing = _missing(table for _, table, _ in asked)
    alone = {number: judged(table, number) for number, table, _ in asked}
    # A header may name any cluster: those that it will name exist, so that Envoy says which it chose.
    first = [expected(t, alone[n], question) for n, t, rows in asked for question in rows]
    named = {d.cluster for row in first for d in row if d.cluster is not None} - set(missing)
    mirrors = {name for row in first for d in row for name in d.mirrors or ()} - set(missing)
    known = (named | mirrors).union(*(names_of(table) for _, table, _ in asked)) - set(missing)
    answers, rest = [], iter(first)
    for number, table, rows in asked:
        before = [next(rest) for _ in rows]
        if table.clusters is not None:  # what others of the tables here name is there for this one too
            larger = attrs.evolve(table, clusters=known)
            judged_so = judged(larger, number)
            before = [expected(larger, judged_so, question) for question in rows]
        answers.append(before)
        mirrors |= {name for row in before for d in row for name in d.mirrors or ()}
    runtime = {
        key: dict(value) if isinstance(value, tuple) else value
        for number, _, _ in asked
        for key, value in alone[number].runtime.items
    }
    configurations = [
        configuration(table, number, inside=any(request.internal for request, _ in rows))
        for number, table, rows in asked
    ]
    clusters = sorted(named | mirrors)
    with Judge(
        version, configurations, clusters=clusters, mirrors=mirrors, missing=missing, runtime=runtime
    ) as judge:
        for place, (number, table, questions) in enumerate(asked):
            verdicts = judge.ask(place, [raw(table, *question) for question in questions])
            assert len(verdicts) == len(questions)
            for question, verdict, possible in zip(questions, verdicts, answers[place], strict=True):
                if any(decision.kind == "unknown" for decision in possible):
                    continue
                each = [differences(decision, verdict) for decision in possible]
                if all(each):
                    found.append(
                        f"table {number}, {question[0]} with random value {question[1]}: "
                        f"{' | '.join('; '.join(one) for one in each)}\n{cs.explain(table, question[0])}"
                    )
    return found


def names_of(table: cs.RouteTable) -> set[str]:
    """The clusters that a table names."""
    owners: list[Any] = [table, *table.virtual_hosts]
    owners += [route.action for route in table.routes if isinstance(route.action, RouteAction)]
    named = {mirror.cluster for owner in owners for mirror in owner.mirrors}
    return (named | {destination.cluster for destination in table.destinations}) - {""}


def _missing(tables: Iterable[cs.RouteTable]) -> list[str]:
    """Clusters that some table names and says do not exist."""
    return sorted({name for t in tables if t.clusters is not None for name in names_of(t) - t.clusters})
