"""Decisions as plain text: a line for each thing that is known of it, its name first, fit for grep."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from canarysim.faces.text import BEFORE_UPSTREAM, WIDTH, percent, route_name
from canarysim.request import octets, readable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from fractions import Fraction

    from canarysim.request import Request
    from canarysim.table.decision import Decision

__all__ = ["decision_text", "shares_text"]

_NAME = 16
"""Columns that the names take, with the indent."""


def decision_text(request: Request, decision: Decision) -> str:
    """What becomes of a request: only what there is, and a path or host only where it changes."""
    return _text(request, [*_action(request, decision), *_matched(decision)])


def shares_text(request: Request, shares: Sequence[tuple[Decision, Fraction]], how: str) -> str:
    """What may become of a request whose random value, or a fault's, is not known, and ``how`` to give one."""
    rows = [("kind", f"depends on {how}")]
    rows += [(f"{percent(share):>{_NAME - 4}}", readable(decision.outcome)) for decision, share in shares]
    return _text(request, [*rows, *_matched(shares[0][0], of_route=True)])


def _text(request: Request, rows: Sequence[tuple[str, str]]) -> str:
    lines = _wrapped("", "    ", readable(octets(str(request))))
    for name, value in rows:
        lines += _wrapped(f"  {name}".ljust(_NAME), " " * _NAME, value)
    return "\n".join(lines)


def _wrapped(lead: str, more: str, text: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=lead, subsequent_indent=more, break_long_words=False, break_on_hyphens=False
    )


def _action(request: Request, decision: Decision) -> Iterator[tuple[str, str]]:
    yield "kind", decision.kind
    if decision.seen.refused is not None:
        yield "why", decision.seen.refused[1]
    abort = None if decision.faults is None else decision.faults.aborts
    if decision.kind == "fault_abort" and abort is not None:
        yield "why", f"a fault aborts {percent(abort.share)} with {abort.status}{BEFORE_UPSTREAM}"
    elif decision.delay is not None:
        yield "delay", f"{percent(decision.delay.share)} wait {decision.delay.seconds:g} s first, by a fault"
    if decision.cluster is not None:
        yield "cluster", readable(decision.cluster)
    if decision.mirrors:
        yield "copies", readable(", ".join(decision.mirrors))
    if decision.function is not None:
        yield "function", decision.function
    if decision.destination is not None and decision.destination.subset:
        yield "subset", ", ".join(f"{key}={value}" for key, value in decision.destination.subset)
    if decision.status is not None:
        yield "status", str(decision.status)
    if decision.location is not None:
        yield "location", readable(decision.location)
    sent = decision.upstream_request
    if sent is not None:
        yield "sent", str(sent)
        if sent.body and sent.body != request.body:
            yield "body", readable(sent.body.decode("latin-1"))
    elif decision.path is not None and decision.path != octets(request.path):
        yield "path", readable(decision.path)
    authority = decision.authority if sent is None else sent.authority
    if authority is not None and authority != octets(request.authority):
        yield "authority", readable(authority)


def _matched(decision: Decision, *, of_route: bool = False) -> Iterator[tuple[str, str]]:
    """``of_route`` takes the line of the route, where that of the destination is open."""
    if decision.virtual_host is not None:
        yield "virtual host", decision.virtual_host
    route = decision.matched
    if route is not None:
        yield "route", route_name(route)
        for place in reversed(route.delegated_by):
            yield "delegated by", f"{place.resource} ({place})"
    source = route.source if of_route and route is not None else decision.source
    if source is not None and source.line is not None:
        yield "source", str(source)
    for note in decision.notes:
        yield "note", note
    sent = None if of_route else decision.upstream_request
    for problem in dict.fromkeys((*decision.unknown, *(() if sent is None else sent.unknown))):
        yield "unknown", f"{readable(octets(problem.message))} ({problem.where})"
