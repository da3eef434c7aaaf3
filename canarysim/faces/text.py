"""Plain text for people: 80 columns where names allow, the same in a terminal, a notebook and a pipe."""

from __future__ import annotations

import os.path
import textwrap
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from canarysim.problems import Severity
from canarysim.request import readable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from canarysim.answers.preview import Outcome, Preview
    from canarysim.problems import Problem, Where
    from canarysim.table.actions import Destination
    from canarysim.table.decision import Decision
    from canarysim.table.faults import FaultDelay
    from canarysim.table.routes import Route

__all__ = ["percent", "preview_text", "problem_text", "problems_text"]

WIDTH = 80


# Numbers


def percent(share: Fraction | float, decimals: int = 2) -> str:
    """A share in per cent, rounded; what is not 0 or 100 % never looks as if it were.

    >>> percent(Fraction(1, 10)), percent(Fraction(1, 3)), percent(Fraction(1, 10**6)), percent(0.98874, 1)
    ('10 %', '33.33 %', '< 0.01 %', '98.9 %')
    """
    exact = Fraction(share) * 100
    least = Fraction(1, 10**decimals)
    rounded = round(exact / least) * least
    if rounded == 0 and exact > 0:
        return f"< {_decimal(least)} %"
    if rounded == 100 and exact < 100:
        return f"> {_decimal(100 - least)} %"
    return f"{_decimal(rounded)} %"


def _decimal(value: Fraction) -> str:
    text = f"{Decimal(value.numerator) / Decimal(value.denominator):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def count_text(value: int | Fraction) -> str:
    """A number of calls; an average keeps one decimal where it has any."""
    if Fraction(value).denominator == 1:
        return f"{int(value):,}"
    if value >= 10_000:
        return f"{round(value):,}"
    if value < Fraction(1, 20):
        return "< 0.1"
    return f"{float(value):,.1f}"


def plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


# Problems


def problem_text(problem: Problem) -> str:
    """``file:line:column: severity: message [code]``, then the path in the document, then what to do."""
    where = problem.where
    file = f"{where}: " if where.file else ""
    lines = [f"{file}{problem.severity}: {problem.message} [{problem.code}]"]
    place = " in ".join(part for part in (where.path, where.resource) if part)
    if place:
        lines.append(f"    at {place}")
    if problem.hint:
        lines.append(f"    -> {problem.hint}")
    return "\n".join(lines)


def problems_text(problems: Sequence[Problem]) -> str:
    """A headline that counts, and every problem; errors first."""
    counts = Counter(problem.severity for problem in problems)
    kinds = [
        (Severity.ERROR, "error"),
        (Severity.WARNING, "warning"),
        (Severity.INFO, "note"),
    ]
    headline = ", ".join(plural(counts[kind], noun) for kind, noun in kinds if counts[kind])
    ordered = sorted(problems, key=lambda problem: [kind for kind, _ in kinds].index(problem.severity))
    return "\n".join([headline, *map(problem_text, ordered)])


# Names and places


def destination_text(destination: Destination) -> str:
    """A cluster, and its function and subset where it names them."""
    if destination.cluster_header:
        return str(destination)
    return f"{destination.cluster}  {destination.label}" if destination.label else destination.cluster


def with_source(lead: str, text: str, source: Where, *, whole: bool = False) -> list[str]:
    """Text wrapped behind a lead, with the file and line at the right edge of its last line if it fits.

    The file is named without its folder, but for ``whole``.
    """
    lines = _wrapped(text, lead, " " * len(lead))
    place = _place(source, whole)
    if place:
        if len(lines[-1]) + 2 + len(place) <= WIDTH:
            lines[-1] += place.rjust(WIDTH - len(lines[-1]))
        else:
            lines.append(place.rjust(WIDTH))
    return lines


def why_dropped(problem: Problem) -> str:
    """What a problem of a dropped route says, without that it is dropped, where the text around it says so."""
    return problem.message.removeprefix("the route is dropped: ")


def way_to(route: Route) -> list[str]:
    """The resources on the way to a delegated route, from the VirtualService on; none for one that is not."""
    if not route.delegated_by:
        return []
    return [place.resource for place in route.delegated_by] + [route.source.resource]


def by_way(route: Route) -> tuple[tuple[Where, ...], list[str]]:
    """A key to group routes by: the places that delegated to it, and the resources on that way."""
    return route.delegated_by, way_to(route)


def way_lines(route: Route, indent: str) -> list[str]:
    """How a delegated route came into its virtual host: what delegated to it, the nearest first."""
    return [
        line
        for place in reversed(route.delegated_by)
        for line in with_source(indent, f"delegated by {place.resource}", place)
    ]


def _place(source: Where | None, whole: bool = False) -> str:
    if source is None or source.line is None:
        return ""
    return f"{_from_here(source.file) if whole else os.path.basename(source.file)}:{source.line}"


def _from_here(file: str) -> str:
    """A path as short as can be: from the folder we are in, if the file is below it."""
    here = os.path.join(os.getcwd(), "")
    return file.removeprefix(here)


def wrapped(text: str, indent: str) -> list[str]:
    """Text in lines that fit, each behind an indent."""
    return _wrapped(text, indent, indent)


def _wrapped(text: str, lead: str, more: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=lead, subsequent_indent=more, break_long_words=False, break_on_hyphens=False
    )


# Previews


def preview_text(preview: Preview) -> str:
    """The outcomes of a request with their shares, and what a run of calls will show."""
    lines = [str(preview.request)]
    first = preview.outcomes[0].decision
    routes = {
        id(o.decision.matched): o.decision.matched for o in preview.outcomes if o.decision.matched is not None
    }
    for route in routes.values():
        lines += with_source("  ", f"route {readable_name(route)}", route.source)
        lines += way_lines(route, "    ")
    if not routes and first.virtual_host is not None:
        lines.append(f"  virtual host {first.virtual_host}")
    lines += [f"  note: {note}" for note in first.notes]
    if len(preview.outcomes) == 1:
        lines += ["", *_single_outcome(first)]
    else:
        lines += ["", *_outcome_table(preview), *_sent_lines(preview)]
        lines += ["", *preview_in_words(preview)]
    lines += [line for text in besides_in_words(preview) for line in wrapped(text, "")]
    problems: dict[Problem, None] = {}
    for outcome in preview.outcomes:
        sent = outcome.decision.upstream_request
        problems |= dict.fromkeys((*outcome.decision.unknown, *(() if sent is None else sent.unknown)))
    return "\n".join([*lines, *_problem_lines(problems)])


#: Longer names of routes, which Gloo makes of all that led to them, no reader takes in.
_READABLE = 60


def route_name(route: Route) -> str:
    """The name of a route, or its number in the virtual host where it has none."""
    return (route.name or str(route.index)) + ("" if route.name_is_certain else " (number provisional)")


def readable_name(route: Route) -> str:
    """The same, but for a name that is too long to be read: what the manifest calls the route."""
    return route.origin if len(route.name) > _READABLE and route.origin else route_name(route)


def _single_outcome(decision: Decision) -> list[str]:
    before = BEFORE_UPSTREAM if decision.kind == "fault_abort" else ""
    lines = [f"   100 %  {decision.outcome}{before}", *_path_lines(decision)]
    if decision.seen.refused is not None:
        lines.append(f"          {decision.seen.refused[1]}")
    return lines


def _path_lines(decision: Decision) -> list[str]:
    """The rewritten path and host."""
    return [line for text in rewritten_in_words(decision) for line in wrapped(text, "          ")]


def rewritten_in_words(decision: Decision) -> list[str]:
    """What goes upstream in another form than it came: what a function makes of it, or a path and a host."""
    if (sent := decision.upstream_request) is not None:
        return [f"the function is sent {sent}"]
    if decision.kind != "forward":
        return []
    found = []
    if decision.path not in (None, decision.seen.path):
        found.append(f"the path goes upstream as {readable(str(decision.path))}")
    if decision.authority not in (None, decision.seen.authority):
        found.append(f"the host goes upstream as {readable(str(decision.authority))}")
    return found


def _sent_lines(preview: Preview) -> list[str]:
    """What each function is sent, and the rewritten path of the rest."""
    lines = [line for text in sent_in_words(preview) for line in wrapped(text, "          ")]
    rest = [o.decision for o in preview.outcomes if o.kind == "forward" and o.decision.upstream_request is None]
    return [*lines, *(_path_lines(rest[0]) if rest else [])]


def sent_in_words(preview: Preview) -> list[str]:
    """What the functions of several outcomes are sent: one sentence where all are sent the same."""
    sent: dict[str, str] = {}
    for outcome in preview.outcomes:
        made = outcome.decision.upstream_request
        if made is not None:
            sent.setdefault(str(outcome.decision.destination), str(made))
    if len(sent) > 1 and len(set(sent.values())) == 1:
        return [f"each function is sent {next(iter(sent.values()))}"]
    return [f"{name} is sent {made}" for name, made in sent.items()]


def open_lines(decision: Decision) -> list[str]:
    """What leaves a decision, or a part of it, open, with its place."""
    return _problem_lines(decision.unknown)


def _problem_lines(problems: Iterable[Problem]) -> list[str]:
    return [line for p in problems for line in wrapped(f"{p.message} ({p.where})", "          ")]


_BAR = 20
#: What an abort is told to be, where there is room.
BEFORE_UPSTREAM = ", before any upstream"


def _outcome_table(preview: Preview) -> list[str]:
    """Two lines an outcome: where to, and what n calls show of it; a bar where there is room for one."""
    head = (f"of {plural(preview.n, 'call')}: expect", "range", "holds", "none")
    rows = [(count_text(o.expected), _spread(o), percent(o.coverage, 1), none_text(o)) for o in preview.outcomes]
    widths = [max(map(len, column)) + 3 for column in zip(head[1:], *(row[1:] for row in rows), strict=True)]
    first = max(len(row[0]) for row in rows)
    bar = _BAR if 10 + _BAR + 2 + first + sum(widths) <= WIDTH else 0
    first = max(first, WIDTH - 10 - bar - sum(widths))

    if 24 + len(head[0]) > 10 + bar + first:
        head = ("expect", *head[1:])

    def line(lead: str, cells: tuple[str, ...]) -> str:
        cut = cells[0].rjust(10 + bar + first - len(lead))
        return lead + cut + "".join(cell.rjust(width) for cell, width in zip(cells[1:], widths, strict=True))

    lines = [line("   share  destination", head)]
    for outcome, row in zip(preview.outcomes, rows, strict=True):
        filled = round(outcome.share * bar) or (1 if bar and outcome.share else 0)
        lines += _wrapped(_label(outcome), f"{percent(outcome.share):>8}  ", " " * 10)
        lines.append(line(" " * 10 + "#" * filled + "." * (bar - filled), row))
    return lines


def none_text(outcome: Outcome) -> str:
    """The chance of no call at all; what is too small for a float is not nothing."""
    tiny = outcome.none == 0 and outcome.share < 1
    return percent(Fraction(1, 10**9) if tiny else outcome.none, 1)


def _label(outcome: Outcome) -> str:
    destination = outcome.decision.destination
    copies = outcome.decision.copies
    if outcome.kind == "fault_abort":
        return f"{outcome.decision.outcome}{BEFORE_UPSTREAM}"
    return outcome.decision.outcome if destination is None else f"{destination_text(destination)}{copies}"


def _spread(outcome: Outcome) -> str:
    return f"{outcome.low:,} to {outcome.high:,}" if outcome.low < outcome.high else f"{outcome.low:,}"


def preview_in_words(preview: Preview) -> list[str]:
    """The rarest outcome in sentences: it is the one that people look for and do not see."""
    rare = min((o for o in preview.outcomes if o.share), key=lambda o: o.share)
    if rare.share == 1:
        return []
    name = rare.decision.cluster or rare.decision.outcome
    if rare.decision.destination is not None and sum(o.cluster == rare.cluster for o in preview.outcomes) > 1:
        name = f"{name} {rare.decision.destination.label}".rstrip()
    where = name if rare.kind == "fault_abort" else f"at {name}{rare.decision.copies}"
    text = (
        f"Of {plural(preview.n, 'call')} expect {count_text(rare.expected)} {where}: {_spread(rare)} in "
        f"{percent(rare.coverage, 1)} of runs, none at all in {none_text(rare).replace('<', 'less than')}. "
        f"To see one with 95 %, make {rare.calls_to_see:,} calls."
    )
    return wrapped(text, "")


def besides_in_words(preview: Preview) -> list[str]:
    """What no share shows: copies, which are calls more, and delays."""
    copies = [
        f"{cluster} {percent(share)} (expect {count_text(share * preview.n)})"
        for cluster, share in preview.mirrored.items()
        if share
    ]
    told = [f"Copies of calls, counted apart: {', '.join(copies)}."] if copies else []
    return told + delays_in_words([(o.decision, o.share) for o in preview.outcomes])


def delays_in_words(decisions: Sequence[tuple[Decision, Fraction]]) -> list[str]:
    """Which requests wait first, by a fault; one sentence a delay."""
    groups: dict[FaultDelay | None, list[Decision]] = {}
    for decision, share in decisions:
        if share:
            groups.setdefault(decision.delay, []).append(decision)
    told = []
    for delay, group in groups.items():
        if delay is not None:
            sent = [str(decision.destination) for decision in group if decision.destination is not None]
            names = " or ".join(dict.fromkeys(sent or [decision.outcome for decision in group]))
            whose = "" if len(groups) == 1 else f" of what goes to {names}"
            told.append(f"A fault delays {percent(delay.share)}{whose} by {delay.seconds:g} s first.")
    return told
