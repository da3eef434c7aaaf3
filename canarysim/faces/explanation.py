"""Explanations as plain text: one screen that says why a request goes where it goes."""

from __future__ import annotations

import textwrap
from collections import Counter
from typing import TYPE_CHECKING

from canarysim.answers.fixes import path_text
from canarysim.faces.intervals import interval_lines
from canarysim.faces.text import (
    BEFORE_UPSTREAM,
    WIDTH,
    delays_in_words,
    percent,
    plural,
    readable_name,
    rewritten_in_words,
    way_lines,
    why_dropped,
    with_source,
)
from canarysim.request import octets, readable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canarysim.answers.explain import Explanation, Step
    from canarysim.answers.near import Hint, Near
    from canarysim.table.behaviour import Behaviour
    from canarysim.table.decision import Decision
    from canarysim.table.routes import Route

__all__ = ["explanation_text"]

#: What one screen holds. Tables that need more have their dull part folded.
SCREEN = 24
#: Up to so many refusals are shown in full where they fit.
_FEW = 5
#: Hints that say little more than the condition and what it saw.
_PLAIN = frozenset(["method_value", "header_value", "query_value", "path_too_short", "typo", "path_example"])
#: Hints that guess what was meant: left out where there are better ones.
_GUESSES = frozenset(["typo", "path_example"])
#: How many near misses stand for a table in which nothing matches.
_NEAREST = 3


def explanation_text(explanation: Explanation) -> str:
    """Why a request goes where it goes, on one screen: routes far from matching are folded."""
    head = [
        *_wrapped("", readable(octets(str(explanation.request))), 4),
        *_notes(explanation),
        *_host(explanation),
    ]
    result = _result(explanation)
    if not explanation.steps and explanation.winner is None and not explanation.shared:
        return "\n".join([*head, *_hints(explanation.hints, "  "), *([""] if result else []), *result])
    after = [*_winner(explanation), *_after(explanation), *_hints(explanation.hints, "  "), "", *result]
    for shown in range(_FEW + 1, -1, -1):
        lines = [*head, "", *_refusals(explanation, shown), *after]
        if len(lines) <= SCREEN or not shown:
            break
    return "\n".join(lines)


def _wrapped(lead: str, text: str, more: int = 0) -> list[str]:
    """Text behind a lead, continued below it; what has no blanks to break at stays whole."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=lead,
        subsequent_indent=" " * (len(lead) + more),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _short(text: str, most: int) -> str:
    """A long text without its middle."""
    return text if len(text) <= most else f"{text[: most - most // 3 - 3]}...{text[-(most // 3) :]}"


def _hints(hints: Sequence[Hint], indent: str) -> list[str]:
    return [line for hint in hints for line in _wrapped(f"{indent}hint: ", _short(hint.text, 300))]


# Before the routes


def _notes(explanation: Explanation) -> list[str]:
    notes = explanation.notes
    shown = notes if len(notes) <= 4 else notes[:3]
    lines = [line for note in shown for line in _wrapped("  before matching: ", _short(note, 200))]
    return lines if len(shown) == len(notes) else [*lines, f"  before matching: {len(notes) - 3} more changes"]


def _host(explanation: Explanation) -> list[str]:
    decision = explanation.decisions[0][0]
    if decision.seen.refused is not None:
        return _wrapped("  ", f"answered before any route is looked at: {readable(decision.seen.refused[1])}")
    host = explanation.host
    shown = f"host {readable(host.authority)!r}" if host.authority else "a request without a host"
    if host.virtual_host is None or host.rule is None:
        lines = _wrapped("  ", f"no virtual host takes {_short(shown, 100)}")
        if not host.hints:
            some = ", ".join(map(repr, host.domains[:5]))
            more = f" and {len(host.domains) - 5} more" if len(host.domains) > 5 else ""
            lines += _wrapped(
                "  ", f"the table has {f'the domains {some}{more}' if some else 'no virtual hosts'}", 2
            )
        return [*lines, *_hints(host.hints, "  ")]
    domain = repr(host.rule.domain)
    why = {
        "exact": f"its domain {domain} is the host",
        "suffix": f"its domain {domain} takes {shown}",
        "prefix": f"its domain {domain} takes {shown}",
        "default": f"its domain {domain} takes every host",
    }[host.rule.kind]
    if host.rule.kind == "default" and len(host.domains) > 1:
        why = f"no other domain takes {shown}, so {domain} does"
    lines = _wrapped("  ", f"virtual host {host.virtual_host.name}: {why}", 4)
    if decision.kind == "tls_redirect":
        lines.append("  it takes https only, and the request came by http")
    return [*lines, *_hints(host.hints, "  ")]


# Routes


def _refusals(explanation: Explanation, shown: int) -> list[str]:
    """The earlier routes in order: the nearest in full, runs of others in one line; all where they are few."""
    steps = explanation.steps
    # A path that is merely similar, with nothing to say about it, is no more than the others.
    near = {id(miss.route): miss for miss in explanation.near if not miss.after and (miss.hints or miss.held)}
    if shown > _FEW:
        keep = set(map(id, near)) if len(steps) > _FEW else {id(step.route) for step in steps}
        keep |= set(near)
    else:
        keep = set(list(near)[:shown])
    if explanation.winner is None and not explanation.shared and len(steps) > _FEW:
        return _ranked(explanation, [miss for key, miss in near.items() if key in keep])
    lines: list[str] = []
    folded: list[Step] = []
    for step in [*steps, None]:
        if step is not None and id(step.route) not in keep:
            folded.append(step)
            continue
        lines += _fold(folded)
        folded = []
        if step is not None:
            lines += _refusal(step, near.get(id(step.route)))
    return lines


def _ranked(explanation: Explanation, nearest: Sequence[Near]) -> list[str]:
    """Where nothing matches: what came nearest, and what the others refused."""
    steps = {id(step.route): step for step in explanation.steps}
    telling = [miss for miss in nearest if any(hint.code not in _GUESSES for hint in miss.hints)]
    nearest = (telling or nearest)[:_NEAREST]
    if not nearest:
        lines = [f"  none of {plural(len(steps), 'route')} matches, nor comes near"]
        return lines + _fold(list(steps.values()))
    lines = [f"  none of {plural(len(steps), 'route')} matches; nearest first:"]
    for miss in nearest:
        lines += _refusal(steps.pop(id(miss.route)), miss)
    return lines + _fold(list(steps.values()))


def _refusal(step: Step, near: Near | None) -> list[str]:
    route = step.route
    lines = _listed(route)
    reasons = [f"{refusal.condition.view.name} is {_short(refusal.saw, 200)}" for refusal in step.refusals[:2]]
    if len(step.refusals) > 2:
        reasons.append(plural(len(step.refusals) - 2, "more condition"))
    *most, last = reasons
    lines += _wrapped("     refused: ", f"{', '.join(most)}{', and ' if most else ''}{last}")
    return lines + ([] if near is None else _hints(near.hints, "     "))


def _listed(route: Route, words: str = "") -> list[str]:
    return with_source(f"{route.index:>3}  ", words + _short(str(route.match), 300), route.source)


def _fold(steps: Sequence[Step]) -> list[str]:
    """One line or two for a run of routes: the first condition that refused in each, and what it saw."""
    if not steps:
        return []
    counts = Counter(f"{step.refused_by.view.name} is {_short(step.saw, 40)}" for step in steps)
    reasons = [what if len(counts) == 1 else f"{what} ({n})" for what, n in counts.most_common(3)]
    if len(counts) > 3:
        reasons.append(f"others ({len(steps) - sum(n for _, n in counts.most_common(3))})")
    first, last = steps[0].route.index, steps[-1].route.index
    if last - first + 1 == len(steps):
        which = (
            f"routes {first} {'to' if last - first > 1 else 'and'} {last}" if first < last else f"route {first}"
        )
    else:
        which = f"{len(steps)} other routes" if len(steps) > 1 else f"route {first}"
    return _wrapped("     ", f"... {which} refused: {', '.join(reasons)}", 4)


def _winner(explanation: Explanation) -> list[str]:
    """The routes that take a share, in order, and the one that takes the rest, or all."""
    lines: list[str] = []
    for route, chance in explanation.shared:
        lines += _listed(route, f"takes {percent(chance.share)}: ")
        lines += [] if not route.name else [f"     route {readable_name(route)}"]
    winner = explanation.winner
    if winner is None:
        return [*lines, "     the rest finds no route"] if lines else []
    verb = "takes the rest" if lines else "matches"
    lines += _listed(winner, f"{'may match' if explanation.open_problems else verb}: ")
    lines += [f"     route {readable_name(winner)}"] if winner.name else []
    return lines + way_lines(winner, "       ")


def _after(explanation: Explanation) -> list[str]:
    """Routes after the winner that would have matched, or almost."""
    winner = explanation.winner
    if winner is None:
        return []
    shadowed = explanation.shadowed
    shown: dict[int, list[str]] = {}
    more = 0
    if explanation.open_problems:
        for route in sorted(shadowed, key=lambda one: one.index)[:1]:
            shown[route.index] = _listed(route, "else matches: ")
    else:
        envoy = explanation.table.behaviour
        rivals = [route for route in shadowed if is_rival(route, winner, envoy)][:2] or shadowed[:1]
        for route in rivals:
            shown[route.index] = _listed(route, f"would match too, but {winner.index} comes first: ")
        more = len(shadowed) - len(rivals)
    for miss in explanation.near:
        if miss.after and len(miss.refusals) == 1 and any(hint.code not in _PLAIN for hint in miss.hints):
            shown[miss.route.index] = _listed(miss.route, "not asked: ") + _hints(miss.hints, "     ")
            break
    lines = [line for index in sorted(shown) for line in shown[index]]
    return [*lines, f"     ... {plural(more, 'more route')} would match too"] if more else lines


def is_rival(route: Route, winner: Route, envoy: Behaviour) -> bool:
    """Whether a later route asks for as much as the winner, so that somebody may have expected it to win."""
    asks = [(len(list(one.match)), len(path_text(one.match.path, envoy))) for one in (route, winner)]
    return asks[0][0] > asks[1][0] or asks[0][1] > asks[1][1] or asks[0] == asks[1]


# What comes of it


def _named(decision: Decision) -> str:
    # A location is made of octets of the request, a name is text of the manifest.
    return readable(decision.outcome if decision.location else octets(decision.outcome))


def _result(explanation: Explanation) -> list[str]:
    decision = explanation.decisions[0][0]
    possible = [decision for decision, chance in explanation.chances if chance.share]
    if len(possible) > 1:
        lines = interval_lines(explanation.chances, explanation.random_value, fault_value=explanation.fault_value)
    else:
        decision = possible[0]
        lines = _wrapped(
            "      => ", _named(decision) + (BEFORE_UPSTREAM if decision.kind == "fault_abort" else "")
        )
        never = [each for each, chance in explanation.chances if not chance.share]
        if never or (explanation.random_value is not None and decision.kind != "unknown"):
            lines.append("         whatever the random value")
        if never:
            more = f" and {len(never) - 3} more" if len(never) > 3 else ""
            lines += _wrapped("         weight 0: ", ", ".join(map(_named, never[:3])) + more)
    sent = decision.upstream_request
    lines += [line for text in rewritten_in_words(decision) for line in _wrapped("         ", text)]
    told = [(decision, chance.share) for decision, chance in explanation.chances]
    lines += [line for text in delays_in_words(told) for line in _wrapped("         ", text)]
    for problem in dict.fromkeys((*decision.unknown, *(() if sent is None else sent.unknown))):
        lines += with_source("         open: ", readable(octets(problem.message)), problem.where)
    for problem in explanation.dropped:
        said = readable(octets(why_dropped(problem)))
        lines += with_source("         ", f"a route for it was dropped: {said}", problem.where)
    return lines
