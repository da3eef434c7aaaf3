"""Explanations as HTML: the host, each earlier route with what it refused, the winner, and what comes of it."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from canarysim.faces.explanation import is_rival
from canarysim.faces.intervals import values_in_play, values_text
from canarysim.faces.markup import (
    GREEN,
    Html,
    aside,
    box,
    cell,
    code,
    colours_of,
    el,
    head,
    join,
    muted,
    number,
    opens,
    outcome_name,
    place,
    row,
    row_head,
    seen,
    segments,
    short,
    table,
)
from canarysim.faces.text import delays_in_words, percent, plural, route_name, why_dropped
from canarysim.request import readable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canarysim.answers.explain import Explanation, Step
    from canarysim.answers.near import Hint, Near
    from canarysim.table.routes import Route

__all__ = ["explanation_html"]

#: Up to so many refusals are shown; of more the near misses, and the others folded.
FEW = 6
#: So many folded refusals are there to be unfolded.
MOST_FOLDED = 60
MOST_SHADOWED = 3
MOST_CHANCES = 12


def explanation_html(explanation: Explanation) -> str:
    """Why a request goes where it goes: runs of routes far from matching are folded, and can be unfolded."""
    parts = [
        el("div", code(str(explanation.request)), style="font-weight:600"),
        *(el("div", muted("before matching: "), short(note)) for note in explanation.notes[:5]),
        *_host(explanation),
    ]
    items = [*_refusals(explanation), *_winner(explanation), *_after(explanation)]
    if items:
        parts.append(el("ol", *items, style="margin:.5em 0;padding-left:2.6em"))
    if explanation.winner is None and explanation.shared:
        parts.append(el("div", "the rest finds no route"))
    elif explanation.winner is None and explanation.steps:
        parts.append(el("div", f"none of {plural(len(explanation.steps), 'route')} matches"))
    return box(*parts, *_hints(explanation.hints), *_result(explanation))


def _hints(hints: Sequence[Hint]) -> list[Html]:
    return [aside(muted("hint: "), short(hint.text)) for hint in hints]


def _host(explanation: Explanation) -> list[Html]:
    decision, host = explanation.decisions[0][0], explanation.host
    if decision.seen.refused is not None:
        return [el("div", "answered before any route is looked at")]
    shown = code(readable(host.authority)) if host.authority else join("a request without a host")
    if host.virtual_host is None or host.rule is None:
        words = [join("no virtual host takes "), shown]
        if not host.hints and host.domains:
            words.append(join("; the table has "))
            words += [piece for domain in host.domains[:5] for piece in (code(domain), join(" "))]
        if not host.hints and len(host.domains) > 5:
            words.append(join(f"and {len(host.domains) - 5:,} domains more"))
        return [el("div", *words), *_hints(host.hints)]
    domain = code(host.rule.domain)
    if host.rule.kind == "exact":
        why = join("its domain ", domain, " is the host")
    elif host.rule.kind != "default":
        why = join("its domain ", domain, " takes ", shown)
    elif len(host.domains) > 1:
        why = join("no other domain takes ", shown, ", so ", domain, " does")
    else:
        why = join("its domain ", domain, " takes every host")
    found = [el("div", muted("virtual host "), short(host.virtual_host.name), muted(": ", why))]
    if decision.kind == "tls_redirect":
        found.append(el("div", "it takes https only, and the request came by http"))
    return [*found, *_hints(host.hints)]


# Routes


def _refusals(explanation: Explanation) -> list[Html]:
    """The earlier routes in order, runs of those that are not near folded where there are many."""
    steps = explanation.steps
    near = {id(miss.route): miss for miss in explanation.near if not miss.after}
    keep = set(near) if len(steps) > FEW else {id(step.route) for step in steps}
    items: list[Html] = []
    run: list[Step] = []
    room = MOST_FOLDED
    for step in steps:
        if id(step.route) not in keep:
            run.append(step)
            continue
        if run:
            items.append(_folded(run, room))
            room -= min(room, len(run))
            run = []
        items.append(_refusal(step, near.get(id(step.route))))
    return [*items, _folded(run, room)] if run else items


def _refusal(step: Step, near: Near | None) -> Html:
    refused = {id(refusal.condition) for refusal in step.refusals}
    reasons: list[str] = []
    for refusal in step.refusals[:4]:
        reasons += [", " if reasons else "", refusal.condition.view.name, " is ", seen(refusal.saw)]
    if len(step.refusals) > 4:
        reasons.append(f", and {plural(len(step.refusals) - 4, 'more condition')}")
    why = el("div", muted("refused: "), *reasons)
    return _item(step.route, _conditions(step.route, refused), why, *(_hints(near.hints) if near else ()))


def _conditions(route: Route, refused: set[int] | frozenset[int] = frozenset()) -> Html:
    """The conditions of a route, those that refused underlined."""
    pieces: list[Html] = []
    for condition in route.match.conditions:
        text = code(str(condition))
        if id(condition) in refused:
            text = el("span", text, style="text-decoration:underline #d55e00 2px;text-underline-offset:.2em")
        pieces += [join(", "), text] if pieces else [text]
    return join(*pieces)


def _item(route: Route, *children: Html, style: str = "") -> Html:
    source = el("span", place(route.source), style="float:right;margin-left:1em")
    return el("li", source, *children, value=route.index, style=f"margin:.3em 0;padding-left:.4em;{style}")


def _folded(steps: Sequence[Step], room: int) -> Html:
    first, last = steps[0].route.index, steps[-1].route.index
    which = f"routes {first} {'to' if last - first > 1 else 'and'} {last}" if first < last else f"route {first}"
    reasons = dict.fromkeys(f"{step.refused_by.view.name} is {short(step.saw, 60)}" for step in steps)
    words = ", ".join([*list(reasons)[:3], *(["\u2026"] if len(reasons) > 3 else [])])
    summary = el("summary", f"{which} refused: ", muted(words), style="cursor:pointer")
    rows = [_refusal(step, None) for step in steps[:room]]
    inside = [el("ol", *rows, style="margin:0;padding-left:2.6em")] if rows else []
    if len(steps) > room:
        inside.append(el("div", muted(f"\u2026 {plural(len(steps) - room, 'more route')} refused")))
    return el("li", el("details", summary, *inside), style="list-style:none;margin:.3em 0")


def _winner(explanation: Explanation) -> list[Html]:
    """The routes that take a share, in order, and the one that takes the rest, or all."""
    style = f"border-left:3px solid {GREEN};background:rgba(0,158,115,.13);border-radius:2px"
    takers = [(route, f"takes {percent(chance.share)}: ") for route, chance in explanation.shared]
    if explanation.winner is not None:
        verb = "takes the rest: " if takers else "matches: "
        takers.append((explanation.winner, "may match: " if explanation.open_problems else verb))
    return [
        _item(
            route,
            el("strong", verb),
            _conditions(route),
            *([el("div", muted("route ", short(route_name(route))))] if route.name else []),
            *(el("div", muted(f"delegated by {w.resource} "), place(w)) for w in reversed(route.delegated_by)),
            style=style,
        )
        for route, verb in takers
    ]


def _after(explanation: Explanation) -> list[Html]:
    """Routes after the winner that would have matched, or almost, in the order of the table."""
    winner = explanation.winner
    if winner is None:
        return []
    shadowed = explanation.shadowed
    found: dict[int, Html] = {}
    words = f"would match too, but {winner.index} comes first: "
    if explanation.open_problems:
        words = "else matches: "
    rivals = [route for route in shadowed if is_rival(route, winner, explanation.table.behaviour)]
    shown = (rivals or shadowed)[:MOST_SHADOWED] if rivals or explanation.open_problems else ()
    for route in shown:
        found[route.index] = _item(route, muted(words), _conditions(route))
    for miss in explanation.near:
        if miss.after and miss.hints:
            refused = {id(refusal.condition) for refusal in miss.refusals}
            what = join(muted("not asked: "), _conditions(miss.route, refused))
            found[miss.route.index] = _item(miss.route, what, *_hints(miss.hints))
    items = [found[index] for index in sorted(found)]
    if len(shadowed) > len(shown):
        more = muted(f"\u2026 {plural(len(shadowed) - len(shown), 'more route')} would match too")
        items.append(el("li", more, style="list-style:none"))
    return items


# What comes of it


def _result(explanation: Explanation) -> list[Html]:
    decision = explanation.decisions[0][0]
    possible = [each for each, chance in explanation.chances if chance.share]
    if len(possible) > 1:
        found = _chances(explanation)
    else:
        decision = possible[0] if possible else decision
        found = [el("div", "\u21d2 ", el("strong", outcome_name(decision)))]
        never = [each for each, chance in explanation.chances if not chance.share]
        if never:
            names = [piece for each in never[:3] for piece in (outcome_name(each), join(" "))]
            more = f"and {len(never) - 3:,} more" if len(never) > 3 else ""
            found.append(el("div", muted("weight 0: "), *names, more))
    if (sent := decision.upstream_request) is not None:
        found.append(el("div", muted("the function is sent "), code(str(sent))))
        return [*found, *opens(decision), *_dropped(explanation)]
    if decision.path is not None and decision.path != decision.seen.path:
        found.append(el("div", muted("the path goes upstream as "), code(readable(decision.path))))
    if decision.authority is not None and decision.authority != decision.seen.authority:
        found.append(el("div", muted("the host goes upstream as "), code(readable(decision.authority))))
    told = [(each, chance.share) for each, chance in explanation.chances]
    found += [el("div", text) for text in delays_in_words(told)]
    return [*found, *opens(decision), *_dropped(explanation)]


def _dropped(explanation: Explanation) -> list[Html]:
    lead = muted("a route for it was dropped: ")
    return [
        el("div", lead, short(why_dropped(problem)), " ", place(problem.where)) for problem in explanation.dropped
    ]


def _chances(explanation: Explanation) -> list[Html]:
    """Which random values lead where: a bar cut into intervals, and a row for each destination."""
    values = values_in_play(explanation.chances, explanation.random_value, explanation.fault_value)
    name, chances, value, several = values
    kind = "fault" if name.endswith("what the fault draws") and not several else "random"
    if name == "the random value":
        name = "the random value of the request"
    moduli = {condition.modulus for _, chance in chances for condition in chance.conditions}
    colours = colours_of([chance.share for _, chance in chances])
    found: list[Html] = []
    total = moduli.pop() if len(moduli) == 1 and not several else None
    if total is None:
        found.append(el("div", f"\u21d2 {name} decide{'' if several else 's'}:"))
    else:
        found.append(el("div", f"\u21d2 {name}, modulo {total:,}, decides:"))
        parts = [
            (
                Fraction(begin, total),
                Fraction(end, total),
                colours[i],
                f"[{begin}, {end}): {short(decision.outcome, 100)}",
            )
            for i, (decision, chance) in enumerate(chances[: 10 * MOST_CHANCES])
            for condition in chance.conditions
            for begin, end in condition.intervals
        ]
        mark = None if value is None else (Fraction(2 * (value % total) + 1, 2 * total), f"{kind} value {value}")
        label = "; ".join(
            f"{percent(chance.share)} {short(decision.outcome, 60)}" for decision, chance in chances[:MOST_CHANCES]
        )
        found.append(segments(parts, f"which random values lead where: {label}", mark))
    shown = list(range(len(chances)))
    if len(chances) > MOST_CHANCES:
        largest = sorted(shown, key=lambda i: -chances[i][1].share)[:MOST_CHANCES]
        shown = sorted({*largest, *(i for i in shown if value is not None and value in chances[i][1])})
    rows = []
    for i in shown:
        decision, chance = chances[i]
        name = outcome_name(decision)
        if value is not None and value in chance:
            name = join(el("strong", name), muted(f" \u21d0 {kind} value {value}"))
        swatch = el("span", style=f"display:inline-block;width:.8em;height:.8em;background:{colours[i]}")
        rows.append(
            row(
                cell(swatch, width="1em"),
                number(percent(chance.share)),
                row_head(name),
                cell(muted(short(values_text(chance, with_modulus=total is None)))),
            )
        )
    heads = [cell(""), head("share", "right"), head("destination"), head("random values")]
    found.append(table(heads, [rows], "which random values lead where", width="auto"))
    if len(shown) < len(chances):
        rest = sum((c.share for i, (_, c) in enumerate(chances) if i not in set(shown)), Fraction(0))
        found.append(el("div", muted(f"\u2026 {len(chances) - len(shown):,} more, {percent(rest)} in all")))
    return found
