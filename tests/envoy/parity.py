"""Holds the decisions of a table against those of a real Envoy that runs its export."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import canarysim as cs
from canarysim.request import octets, readable

from .judge import Judge, Raw, Verdict, Version

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The header that gives Envoy the random value of the weighted pick.
RANDOM_VALUE = "x-judge-random-value"

Question = tuple[cs.Request, int]


def configuration(table: cs.RouteTable) -> tuple[dict[str, Any], dict[str, Any]]:
    """A table's export, with the random value of picks as an input, and its connection manager's settings."""
    mapping = cs.to_envoy(table)
    mapping["validate_clusters"] = False  # as with the routes that a control plane sends
    for host in mapping["virtual_hosts"]:
        for route in host["routes"]:
            weighted = route.get("route", {}).get("weighted_clusters")
            if weighted is not None:
                weighted["header_name"] = RANDOM_VALUE
    http = table.http
    settings = {
        "normalize_path": http.normalize_path,
        "merge_slashes": http.merge_slashes,
        "strip_any_host_port": http.strip_any_host_port,
        "upgrade_configs": [{"upgrade_type": kind} for kind in http.upgrades],
    }
    return mapping, settings


def raw(table: cs.RouteTable, request: cs.Request, random_value: int) -> Raw:
    headers = [(octets(name), octets(value)) for name, value in request.headers]
    if table.scheme == "https" and not any(name == "x-forwarded-proto" for name, _ in headers):
        # The judge listens in plain text; this header is all that a TLS listener would do differently.
        headers.append(("x-forwarded-proto", "https"))
    return Raw(
        octets(request.path),
        method=request.method,
        host=octets(request.authority),
        headers=(*headers, (RANDOM_VALUE, str(random_value))),
    )


def differences(table: cs.RouteTable, question: Question, verdict: Verdict) -> list[str]:
    """What canarysim and Envoy say differently of one request; [] where they agree."""
    request, random_value = question
    decision = table.route(request, random_value)
    ours: dict[str, object] = {}
    theirs: dict[str, object] = {}
    if decision.kind != "rejected":  # Envoy may log a route for those too, and does not use it
        ours["cluster"], theirs["cluster"] = decision.cluster, verdict.cluster and readable(verdict.cluster)
    if decision.kind == "forward":
        ours |= {
            "route": decision.route or None,
            "path": decision.path,
            "authority": decision.authority or None,
        }
        theirs |= {"route": verdict.route, "path": verdict.path, "authority": verdict.authority or None}
        if verdict.headers is not None and decision.request_headers is not None:
            ours["headers"] = sorted(decision.request_headers)
            theirs["headers"] = sorted(
                (name, value)
                for name, value in verdict.headers
                if name not in _ADDED or (name, value) in decision.request_headers
            )
    else:
        ours |= {"status": decision.status, "location": decision.location}
        theirs |= {"status": verdict.status, "location": verdict.location}
    return [f"{key}: {ours[key]!r}, Envoy {theirs[key]!r}" for key in ours if ours[key] != theirs[key]]


#: Headers Envoy adds of its own.
_ADDED = frozenset(
    [RANDOM_VALUE, "x-request-id", "x-forwarded-proto", "x-envoy-expected-rq-timeout-ms", "content-length"]
)


def disagreements(
    version: Version, tables: Sequence[cs.RouteTable], questions: Sequence[Sequence[Question]]
) -> list[str]:
    """Asks one Envoy about all tables; a text for each decision in which it differs."""
    found = []
    # A header may name any cluster: those that it will name exist, so that Envoy says which it chose.
    named = {
        decision.cluster
        for table, asked in zip(tables, questions, strict=True)
        for request, value in asked
        if (decision := table.route(request, value)).cluster is not None
    }
    with Judge(version, [configuration(table) for table in tables], clusters=sorted(named)) as judge:
        for number, (table, asked) in enumerate(zip(tables, questions, strict=True)):
            verdicts = judge.ask(number, [raw(table, *question) for question in asked])
            assert len(verdicts) == len(asked)
            for question, verdict in zip(asked, verdicts, strict=True):
                if different := differences(table, question, verdict):
                    found.append(
                        f"table {number}, {question[0]} with random value {question[1]}: "
                        f"{'; '.join(different)}\n{cs.explain(table, question[0])}"
                    )
    return found
