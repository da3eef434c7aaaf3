"""Answers as HTML for notebooks: tables, previews, explanations and simulations.

Each function gives one element with everything in it escaped, without scripts, style sheets and anything from
elsewhere. What is long is folded or left out, and says so: the size of an answer does not grow with the table.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import groupby
from typing import TYPE_CHECKING

from canarysim.faces.html_explanation import explanation_html
from canarysim.faces.markup import (
    AMBER,
    BLUE,
    Html,
    aside,
    bar,
    box,
    cell,
    code,
    destination_name,
    el,
    group_head,
    head,
    join,
    muted,
    number,
    opens,
    outcome_name,
    place,
    route_label,
    row,
    row_head,
    share_of,
    short,
    table,
)
from canarysim.faces.simulation import simulation_in_words, simulation_title, worth_showing
from canarysim.faces.text import (
    besides_in_words,
    by_way,
    count_text,
    none_text,
    percent,
    plural,
    preview_in_words,
    sent_in_words,
    way_to,
)
from canarysim.table.actions import RouteAction

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from canarysim.answers.preview import Outcome, Preview
    from canarysim.answers.simulate import Observed, Simulation
    from canarysim.table.actions import Destination
    from canarysim.table.decision import Decision
    from canarysim.table.hosts import VirtualHost
    from canarysim.table.route_table import RouteTable
    from canarysim.table.routes import Route

__all__ = ["explanation_html", "preview_html", "simulation_html", "table_html"]

#: Virtual hosts are unfolded until so many routes are seen; routes and hosts beyond the others are counted.
OPEN_ROUTES, MOST_ROUTES, MOST_HOSTS = 30, 150, 40
MOST_DESTINATIONS = 8
MOST_DOMAINS = 6
MOST_OUTCOMES = 60


# Tables


def table_html(route_table: RouteTable) -> str:
    """Every virtual host with its routes: conditions, destinations with their shares, source lines.

    The first 150 routes of the first 40 virtual hosts; the others are counted. Cost: O(virtual hosts).
    """
    hosts = route_table.virtual_hosts
    routes = sum(len(host.routes) for host in hosts)
    title = join(
        el("strong", route_table.name or "route table"),
        ": ",
        f"{plural(len(hosts), 'virtual host')}, {plural(routes, 'route')}, as Envoy {route_table.envoy}",
    )
    parts = [el("div", title)]
    left = MOST_ROUTES
    shown = 0
    for host in hosts[:MOST_HOSTS]:
        if not left:
            break
        parts.append(_host(host, left, unfolded=shown < OPEN_ROUTES))
        left -= min(left, len(host.routes))
        shown += len(host.routes)
    hidden = len(hosts) - len(parts) + 1
    if hidden:
        parts.append(el("div", muted(f"\u2026 and {plural(hidden, 'more virtual host')}")))
    return box(*parts)


def _host(host: VirtualHost, most: int, *, unfolded: bool) -> Html:
    domains = [piece for domain in host.domains[:MOST_DOMAINS] for piece in (code(domain), " ")]
    if len(host.domains) > MOST_DOMAINS:
        domains.append(muted(f"and {len(host.domains) - MOST_DOMAINS:,} more "))
    if host.require_tls:
        domains.append(muted("(https only)"))
    summary = el(
        "summary", el("strong", short(host.name)), Html(" &ensp;"), *domains, style="cursor:pointer;padding:.2em 0"
    )
    told = [] if host.faults is None else [el("div", muted("a fault "), str(host.faults))]
    inside = told + [aside("unknown: ", unknown.problem.message) for unknown in host.unknowns if not unknown.parts]
    if host.routes:
        heads = [
            head("#", width="1.5em"),
            head("a request whose"),
            head("goes to", width="45%"),
            head("source", width="7em"),
        ]
        bodies = []
        for number, (_, group) in enumerate(groupby(host.routes[:most], key=by_way)):
            routes = list(group)
            way = [_way(host, routes[0], len(heads))] if number or routes[0].delegated_by else []
            bodies.append(way + [_route(route) for route in routes])
        inside.append(table(heads, bodies, f"routes of {short(host.name)}"))
    else:
        inside.append(el("div", muted("no routes: 404 for every request")))
    if len(host.routes) > most:
        inside.append(el("div", muted(f"\u2026 and {plural(len(host.routes) - most, 'more route')}")))
    return el("details", summary, *inside, style="margin:.5em 0 0 0", open="" if unfolded else None)


def _way(host: VirtualHost, route: Route, columns: int) -> Html:
    """The resources on the way to a route, from the VirtualService on, with the place that delegated last."""
    steps = way_to(route) or [host.source.resource or host.origin]
    told = el("span", " \u203a ".join(map(short, steps)), style="font-weight:400;opacity:.7")
    last = cell(place(route.delegated_by[-1]) if route.delegated_by else Html(""), valign="bottom")
    return group_head(told, columns=columns, last=last)


def _route(route: Route) -> Html:
    conditions = [code(str(condition)) for condition in route.match.conditions]
    goes = cell(*_action(route), width="45%")
    return row(row_head(str(route.index)), cell(Html("<br>".join(conditions))), goes, cell(place(route.source)))


def _action(route: Route) -> Iterator[Html]:
    action = route.action
    if isinstance(action, RouteAction):
        yield from _destinations([(destination, chance.share) for destination, chance in action.chances()])
        if action.path_rewrite:
            yield el("div", muted("path becomes "), code(str(action.path_rewrite)))
        if action.host_rewrite:
            yield el("div", muted("host becomes "), code(str(action.host_rewrite)))
        for destination in action.destinations:
            if destination.faults is not None:
                what = muted("at "), destination_name(destination), muted(" a fault ")
                yield el("div", *what, str(destination.faults))
        for mirror in action.mirrors:
            yield el("div", muted("a copy goes to "), code(str(mirror)))
    elif action is not None:
        yield el("div", str(action))
    if route.faults is not None:
        yield el("div", muted("a fault "), str(route.faults))
    for unknown in route.unknowns:
        yield aside("" if unknown.parts else "unknown: ", unknown.problem.message)


def _destinations(shares: Sequence[tuple[Destination, Fraction]]) -> Iterator[Html]:
    if len(shares) < 2:
        yield from (el("div", destination_name(destination)) for destination, _ in shares)
        return
    kept = shares
    if len(shares) > MOST_DESTINATIONS:
        kept = sorted(shares, key=lambda pair: -pair[1])[:MOST_DESTINATIONS]
    rare = min(share for _, share in shares if share)
    for destination, share in kept:
        colour = AMBER if share == rare != 1 else BLUE
        yield share_of(share, colour, destination_name(destination))
    if len(kept) < len(shares):
        rest = 1 - sum(share for _, share in kept)
        yield el("div", muted(f"\u2026 {len(shares) - len(kept):,} more, {percent(rest)} in all"))


# Previews


def preview_html(preview: Preview) -> str:
    """The outcomes of a request: shares with the range of n calls, and the rarest in words."""
    first = preview.outcomes[0].decision
    parts = [el("div", code(str(preview.request)), style="font-weight:600")]
    if first.matched is not None:
        parts.append(el("div", muted("route "), route_label(first.matched), " ", place(first.matched.source)))
        parts += [
            el("div", muted(f"delegated by {w.resource} "), place(w)) for w in reversed(first.matched.delegated_by)
        ]
    elif first.virtual_host is not None:
        parts.append(el("div", "virtual host ", short(first.virtual_host)))
    parts += [el("div", muted("before matching: ", short(note))) for note in first.notes[:5]]
    besides = [el("div", text) for text in besides_in_words(preview)]
    if len(preview.outcomes) == 1:
        parts += [
            el("div", "100 % \u21d2 ", el("strong", outcome_name(first)), style="margin-top:.4em"),
            *([] if (sent := first.upstream_request) is None else [aside(f"the function is sent {sent}")]),
            *besides,
            *opens(first),
        ]
        return box(*parts)
    outcomes = preview.outcomes
    if len(outcomes) > MOST_OUTCOMES:
        outcomes = tuple(sorted(outcomes, key=lambda o: -o.share)[:MOST_OUTCOMES])
    heads = [
        head("share", "right"),
        head("destination"),
        head(f"of {plural(preview.n, 'call')}", width="7em"),
        head("expect", "right"),
        head("range", "right"),
        head("holds", "right"),
        head("none", "right"),
    ]
    rare = min((o for o in preview.outcomes if o.share), key=lambda o: o.share)
    rows = [_outcome(o, preview.n, AMBER if o is rare else BLUE) for o in outcomes]
    parts.append(table(heads, [rows], "shares of the request and what calls show of them"))
    if len(outcomes) < len(preview.outcomes):
        rest = 1 - sum(o.share for o in outcomes)
        parts.append(
            el("div", muted(f"\u2026 {len(preview.outcomes) - MOST_OUTCOMES:,} more, {percent(rest)} in all"))
        )
    parts += [aside(text) for text in sent_in_words(preview)[:MOST_OUTCOMES]]
    parts.append(el("div", " ".join(preview_in_words(preview))))
    parts += besides
    return box(*parts, *opens(first))


def _outcome(outcome: Outcome, n: int, colour: str) -> Html:
    spread = f"{outcome.low:,} to {outcome.high:,}" if outcome.low < outcome.high else f"{outcome.low:,}"
    expected, holds = count_text(outcome.expected), percent(outcome.coverage, 1)
    label = f"{percent(outcome.share)}: {expected} of {n:,} expected, {spread} in {holds} of runs"
    ranged = outcome.coverage < 1
    low, high = (Fraction(outcome.low, n), Fraction(outcome.high, n)) if ranged else (None, None)
    return row(
        number(percent(outcome.share)),
        row_head(outcome_name(outcome.decision), least="9em"),
        cell(bar(outcome.share, label, colour=colour, low=low, high=high), width="7em"),
        *map(number, (expected, spread, holds, none_text(outcome))),
    )


# Simulations


def simulation_html(simulation: Simulation) -> str:
    """What was seen of each outcome, by route, with the exact share and the 95 % range beside it."""
    title = simulation_title(simulation)
    if not simulation.n:
        return box(el("div", el("strong", title)))
    observed = simulation.observed
    shown = worth_showing(observed)
    figures = [(simulation.outcomes[at], observed[at]) for at in shown[:MOST_OUTCOMES]]
    heads = [
        head("destination"),
        head("share", width="7em"),
        head("seen", "right"),
        head("share", "right"),
        head("exact", "right"),
        *([] if simulation.replayed else [head("95 % range", "right")]),
    ]
    bodies = []
    for _, group in groupby(figures, key=lambda figure: _group(figure[0])):
        outcomes = list(group)
        rows = [group_head(*_group_name(outcomes[0][0]), columns=len(heads))]
        bodies.append(rows + [_seen(decision, figure, simulation) for decision, figure in outcomes])
    parts = [el("div", el("strong", title)), table(heads, bodies, "what was seen of each outcome")]
    hidden = len(observed) - len(figures)
    if hidden:
        parts.append(el("div", muted(f"\u2026 and {plural(hidden, 'more outcome')}")))
    words = " ".join(simulation_in_words(simulation, observed))
    return box(*parts, el("div", words))


def _group(decision: Decision) -> tuple[str | None, int | None]:
    return decision.virtual_host, None if decision.matched is None else decision.matched.index


def _group_name(decision: Decision) -> tuple[Html, ...]:
    route = decision.matched
    if route is None:
        host = decision.virtual_host
        return (muted("virtual host ", short(host)) if host else muted("no virtual host"),)
    return muted("route "), route_label(route), join(" "), place(route.source)


def _seen(decision: Decision, observed: Observed, simulation: Simulation) -> Html:
    n = simulation.n
    share = Fraction(observed.count, n)
    colour = BLUE
    label = f"{percent(share)} seen, {percent(observed.exact)} to expect"
    low = high = None
    spread = ""
    if observed.low is not None and observed.high is not None:
        spread = f"{observed.low:,} to {observed.high:,}" if observed.low < observed.high else f"{observed.low:,}"
        label += f", 95 % range {spread}"
        if observed.low < observed.high:
            low, high = Fraction(observed.low, n), Fraction(observed.high, n)
    if observed.outside:
        colour = AMBER
        spread += " !"
        label += ", outside"
    name = [outcome_name(decision, general=True)]
    if decision.kind == "unknown":
        name += opens(decision)
    return row(
        row_head(el("div", *name, style="padding-left:1em"), least="9em"),
        cell(bar(share, label, colour=colour, low=low, high=high), width="7em"),
        *map(number, (f"{observed.count:,}", percent(share), percent(observed.exact))),
        *([] if simulation.replayed else [number(spread)]),
    )
