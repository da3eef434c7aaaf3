"""Near misses: routes that almost matched, and what would have made them match.

A route is near if its path holds or is related to that of the request. Near misses are ranked by, in this
order: fewest conditions that refuse, most conditions that hold, longest text in common at the start of the
path, order in the table.

A hint is a claim. "Would match with ..." has been tried: the request was changed that way and the table asked
again.
"""

from __future__ import annotations

import re
from heapq import nsmallest
from itertools import islice
from typing import TYPE_CHECKING

import attrs

from canarysim.answers.fixes import changed, fixes, path_text, plain_text
from canarysim.answers.respell import alike, recased, unquoted
from canarysim.request import octets, readable
from canarysim.table.actions import RouteAction
from canarysim.table.hosts import DomainRule, fold_host
from canarysim.table.matchers import ConnectMatcher, PathMatcher
from canarysim.table.paths import merge_slashes, normalize
from canarysim.table.routes import NO_ROUTE, verdict

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence

    from canarysim.request import Request
    from canarysim.table.http import Seen
    from canarysim.table.matchers import Matcher
    from canarysim.table.route_table import Found, RouteTable
    from canarysim.table.routes import Route

#: Hints that lead to another path than the one asked for: of interest only where no other route explains it.
_ELSEWHERE = frozenset(["exact_path", "not_at_start", "path_example", "path_too_short", "typo"])

__all__ = ["Hint", "Look", "Near", "Refusal", "domain_hints", "look", "nearest", "other_hints"]


@attrs.frozen
class Hint:
    """What would have to be different. ``code`` is stable, ``text`` is for people.

    ``request`` is the changed request that the route or virtual host takes; None where the hint names no change,
    only what the reader may not expect. ``taken_by`` is the earlier route that would take the changed request,
    all of whose conditions the hinted route then fulfils as well.
    """

    code: str
    text: str
    request: Request | None = None
    taken_by: Route | None = None


@attrs.frozen
class Refusal:
    """A condition that did not hold, and the text of the request that it looked at."""

    condition: Matcher
    saw: str


@attrs.frozen
class Look:
    """All conditions of one route held against one request."""

    route: Route
    refusals: tuple[Refusal, ...]
    held: int
    open: tuple[Matcher, ...]


@attrs.frozen
class Near:
    """A route that almost matched. ``after`` tells one that stands after the winner.

    ``held`` counts the conditions that hold, ``common`` the characters that the path of the request and that of
    the route have in common at their start.
    """

    route: Route
    refusals: tuple[Refusal, ...]
    held: int
    common: int
    after: bool
    hints: tuple[Hint, ...] = ()


def look(route: Route, seen: Seen, table: RouteTable, random_value: int | None = None) -> Look:
    """Holds every condition of a route against a request. Cost: O(conditions).

    A fraction is held against the random value where one is given; else it holds if any value fulfils it.
    """
    refusals, held, unsure = [], 0, []
    for matcher in route.match:
        holds = verdict(matcher, seen, table.behaviour)
        if holds is None:
            unsure.append(matcher)
        elif holds:
            held += 1
        else:
            refusals.append(Refusal(matcher, _saw(matcher, seen)))
    fraction = route.match.runtime_fraction
    if fraction is not None:
        residues = fraction.residues(table.runtime)
        if not residues.intervals:
            refusals.append(Refusal(fraction, f"never below 0 of {residues.modulus}"))
        elif random_value is not None and random_value not in residues:
            refusals.append(Refusal(fraction, f"{random_value % residues.modulus} modulo {residues.modulus}"))
        else:
            held += 1
    action = route.action
    if isinstance(action, RouteAction) and action.runtime_key_prefix and action.under(table.runtime) is None:
        from canarysim.table.conditions import WeightsUnderRuntime

        refusals.append(Refusal(WeightsUnderRuntime(), "0, or above 2^32 - 1, under the runtime"))
    return Look(route, tuple(refusals), held, tuple(unsure))


def _saw(matcher: Matcher, seen: Seen) -> str:
    if isinstance(matcher, PathMatcher) and not seen.route_path:
        return "missing, as in every CONNECT request"
    return matcher.view.show(matcher.view.get(seen))


def nearest(
    table: RouteTable, request: Request, found: Found, looks: Iterable[Look], *, after: bool, most: int
) -> tuple[Near, ...]:
    """The nearest misses, ranked, with hints. Cost: O(routes), and a search of the table for each hint."""
    envoy, seen = table.behaviour, found.seen
    won = max(
        (len(path_text(b.route.match.path, envoy)) for b in found.branches if b.route is not None), default=0
    )
    forms = _forms(request, seen)
    candidates = []
    for one in looks:
        if not one.refusals or isinstance(one.route.match.path, ConnectMatcher):
            continue
        text = path_text(one.route.match.path, envoy)
        common = _common(text, seen.route_path)
        near = Near(one.route, one.refusals, one.held, common, after)
        if one.refusals[0].condition is not one.route.match.path or _related(text, forms):
            candidates.append(near)
    ranked = nsmallest(most, candidates, key=lambda n: (len(n.refusals), -n.held, -n.common, n.route.index))
    return tuple(
        attrs.evolve(
            near, hints=_hints(table, request, found, near, skip=_ELSEWHERE if near.common <= won else ())
        )
        for near in ranked
    )


def _common(text: str, path: str) -> int:
    """The length of the common start, whatever the case."""
    text, path = recased(text)[0], recased(path)[0]
    size = min(len(text), len(path))
    return next((i for i in range(size) if text[i] != path[i]), size)


def _forms(request: Request, seen: Seen) -> tuple[str, ...]:
    """The path as it was matched and sent, and what a reader may take it for."""
    path, sent = seen.route_path, octets(request.path).partition("?")[0]
    forms = [path, sent, unquoted(path), merge_slashes(path), normalize(path) or path, seen.path]
    return tuple(dict.fromkeys(forms)) if path else ()


def _related(text: str, forms: tuple[str, ...]) -> bool:
    """Whether a path that refused is so close to that of the request that somebody may have meant it."""
    base = text.rstrip("/")
    depth = base.count("/") + 1
    for form in forms:
        common = _common(text, form)
        if common > 1 and (common == len(text) or 2 * common > max(len(text), 4)):
            return True
        if (len(text) > 2 and text in form) or alike("/".join(form.split("/")[:depth]), base):
            return True
    return False


# Hints on a route


def _hints(
    table: RouteTable, request: Request, found: Found, near: Near, skip: Container[str]
) -> tuple[Hint, ...]:
    conditions = [refusal.condition for refusal in near.refusals]
    if len(conditions) > 1:
        return _joint_hint(table, request, found, near.route, conditions, skip)
    hints: list[Hint] = []
    for fix in fixes(conditions[0], request, found.seen, table):
        if fix.code in skip:
            continue
        if fix.request is None:
            hints.append(Hint(fix.code, fix.reason))
            continue
        hint = _tried(table, found, near.route, fix.code, [fix.reason], [fix.change], fix.request)
        if hint is not None:
            hints.append(hint)
            break
    return tuple(hints)


def _joint_hint(
    table: RouteTable,
    request: Request,
    found: Found,
    route: Route,
    conditions: Sequence[Matcher],
    skip: Container[str],
) -> tuple[Hint, ...]:
    """One change for each condition, all in one request."""
    if not all(condition.of_request for condition in conditions):
        return ()
    reasons, changes = [], []
    asked = request
    for condition in conditions:
        seen = _seen(table, asked)
        if verdict(condition, seen, table.behaviour):
            continue  # an earlier change did for it
        for fix in fixes(condition, asked, seen, table):
            if fix.code in skip:
                continue
            if fix.request is not None and verdict(condition, _seen(table, fix.request), table.behaviour):
                asked = fix.request
                reasons.append(fix.reason)
                changes.append(fix.change)
                break
        else:
            return ()
    hint = _tried(table, found, route, "several", reasons, changes, asked)
    return () if hint is None else (hint,)


def _seen(table: RouteTable, request: Request) -> Seen:
    return table.see(request)


def _tried(
    table: RouteTable,
    before: Found,
    route: Route,
    code: str,
    reasons: Sequence[str],
    changes: Sequence[str],
    request: Request,
) -> Hint | None:
    """The hint if the table says that it is true: the route matches the changed request, without a doubt."""
    found = table.find(request)
    takers = [branch.route for branch in found.branches if branch.route is not None]
    if found.host is not before.host or found.open_problems or not takers:
        return None
    taken_by = None
    if not any(taker is route for taker in takers):
        then = look(route, found.seen, table)
        if then.refusals or then.open:
            return None
        taken_by = takers[0]
    why = "; ".join(filter(None, dict.fromkeys(reasons)))
    text = f"{why}: would match " if why else "would match "
    text += " and ".join(changes)
    if taken_by is not None:
        text += f", but route {taken_by.index} would take that too"
    return Hint(code, text, request, taken_by)


# Hints on the host


def domain_hints(table: RouteTable, request: Request, found: Found) -> tuple[Hint, ...]:
    """Domains that narrowly do not take the host, where none does or only a wildcard.

    Cost: O(domains); nothing where an exact domain took it.
    """
    if found.seen.refused is not None or (found.rule is not None and found.rule.kind == "exact"):
        return ()
    hints: dict[str, Hint] = {}
    for code, text, authority, domain in _near_domains(table, found):
        asked = changed(request, authority=plain_text(authority))
        other = table.find(asked)
        if other.rule is not None and other.rule.domain == domain and code not in hints:
            hints[code] = Hint(code, text, asked)
    return tuple(islice(hints.values(), 2))


def _near_domains(table: RouteTable, found: Found) -> Iterator[tuple[str, str, str, str]]:
    host = found.seen.authority
    shown = repr(readable(host))
    least = 0 if found.rule is None else len(found.rule.text)
    for domain in (domain for virtual_host in table.virtual_hosts for domain in virtual_host.domains):
        rule = DomainRule.of(domain)
        text = rule.text
        # A domain that is less specific than the one that took the host would explain nothing.
        if not text or len(text) <= least:
            continue
        differs = f"{shown} is not {domain!r}" if rule.kind == "exact" else f"{domain!r} does not take {shown}"
        sample = {"exact": text, "suffix": f"www{text}", "prefix": f"{text}example"}[rule.kind]
        folded = fold_host(host)
        name, _, port = folded.rpartition(":")
        if not host:
            yield "host_missing", f"the request names no host; {domain!r} is a domain", sample, domain
        elif port.isdigit() and _takes(rule, name):
            yield "host_port", f"the port is part of the host: {differs}", host[: len(name)], domain
        elif re.fullmatch(re.escape(folded) + ":[0-9]+", text):
            yield "host_port", f"the port is part of the host: {differs}", text, domain
        elif folded.endswith(".") and _takes(rule, folded[:-1]):
            yield "host_dot", f"the dot at the end is part of the host: {differs}", host[:-1], domain
        elif folded + "." == text:
            yield "host_dot", f"the dot at the end is part of the domain: {differs}", text, domain
        elif text in {"suffix": (folded, "." + folded), "prefix": (folded, folded + ".")}.get(rule.kind, ()):
            reason = f"the star of {domain!r} stands for at least one character, so it does not take {shown}"
            yield "host_star", reason, sample, domain
        elif least:
            continue  # another wildcard took it: what merely resembles it was not meant
        elif rule.kind == "exact" and folded.partition(".")[2] == text:
            yield "host_label", f"one label too many: the domain is {domain!r}, not {shown}", text, domain
        elif rule.kind == "exact" and text.partition(".")[2] == folded:
            yield "host_label", f"one label too few: the domain is {domain!r}, not {shown}", text, domain
        elif rule.kind == "exact" and alike(folded, text):
            yield "host_typo", f"almost {domain!r}, which is a domain", text, domain
        elif rule.kind == "suffix" and alike(tail := folded[folded.find(".") :], text):
            yield "host_typo", f"almost {domain!r}, which is a domain", folded[: -len(tail)] + text, domain


def _takes(rule: DomainRule, host: str) -> bool:
    match rule.kind:
        case "exact":
            return host == rule.text
        case "suffix":
            return len(host) > len(rule.text) and host.endswith(rule.text)
        case "prefix":
            return len(host) > len(rule.text) and host.startswith(rule.text)
    return True


# Hints on the request as a whole


def other_hints(table: RouteTable, request: Request, found: Found) -> tuple[Hint, ...]:
    """What else stood in the way: a target that Envoy refuses, a virtual host that was not asked."""
    if found.seen.refused is not None:
        for code, words, path in (
            ("fragment", "would be routed without it, as", request.path.partition("#")[0]),
            ("no_slash", "would be routed as", "/" + request.path),
        ):
            if path and path != request.path:
                asked = changed(request, path=path)
                if table.find(asked).seen.refused is None:
                    return (Hint(code, f"{words} {readable(octets(path))!r}", asked),)
        return ()
    if found.host is None or found.branches != NO_ROUTE or found.needs_tls or "*" in found.host.domains:
        return ()
    for host in table.virtual_hosts:
        if "*" not in host.domains:
            continue
        for route in host.routes:
            one = look(route, found.seen, table)
            if not one.refusals and not one.open:
                text = (
                    f"route {route.index} of virtual host {host.name}, whose domain is '*', would take it; but "
                    "only the virtual host that the domain chose is asked"
                )
                return (Hint("other_virtual_host", text),)
    return ()
