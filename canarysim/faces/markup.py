"""Pieces of HTML for notebooks and pages, light or dark, with or without style sheets.

What is not markup already is escaped where it becomes a part of some: there is no other way in. Styles stand in
``style`` attributes, colours of text are inherited and those of backgrounds are translucent, so that nothing
leaks out and nothing depends on the theme around. Without any style the pieces are still lists and tables.
"""

from __future__ import annotations

import os.path
from html import escape
from itertools import cycle
from typing import TYPE_CHECKING

from canarysim.faces.text import percent, route_name
from canarysim.request import readable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from fractions import Fraction

    from canarysim.problems import Where
    from canarysim.table.actions import Destination
    from canarysim.table.decision import Decision
    from canarysim.table.routes import Route

__all__ = [
    "AMBER",
    "BLUE",
    "COLOURS",
    "GREEN",
    "Html",
    "aside",
    "bar",
    "box",
    "cell",
    "code",
    "colours_of",
    "destination_name",
    "el",
    "group_head",
    "head",
    "join",
    "muted",
    "number",
    "opens",
    "outcome_name",
    "place",
    "route_label",
    "row",
    "row_head",
    "seen",
    "segments",
    "share_of",
    "short",
    "table",
    "visible",
]

#: Okabe and Ito's colours, which stay apart for every kind of eyes; seen on white and on black.
BLUE, AMBER, GREEN, PINK, RED, SKY = "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9"
COLOURS = (BLUE, AMBER, GREEN, PINK, RED, SKY)
#: So much of a name or value is shown; the middle of a longer one is left out.
LONGEST = 300

# Every property that the style sheets of notebooks set on tables and code is set here too.
_CELL = "padding:.3em .8em .3em 0;text-align:{align};vertical-align:{valign}"
_PALE = "rgba(128,128,128,.22)"


class Html(str):
    """Text that is markup, with everything in it escaped where it had to be."""

    __slots__ = ()


def visible(text: str) -> str:
    """Text in which every character can be seen: controls, marks of direction and the like as escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def short(text: str, most: int = LONGEST) -> str:
    """A long text without its middle."""
    return text if len(text) <= most else f"{text[: most - most // 3 - 1]}\u2026{text[-(most // 3) :]}"


def el(name: str, *children: str, style: str = "", **attributes: str | int | None) -> Html:
    """An element. Children that are no Html are text; ``aria_label`` stands for the attribute ``aria-label``."""
    given = {**attributes, "style": style or None}
    words = [
        f' {key.rstrip("_").replace("_", "-")}="{escape(visible(str(value)))}"'
        for key, value in given.items()
        if value is not None
    ]
    return Html(f"<{name}{''.join(words)}>{join(*children)}</{name}>")


def join(*children: str) -> Html:
    """Pieces one after the other."""
    return Html("".join(c if isinstance(c, Html) else _escaped(c) for c in children))


def _escaped(text: str) -> str:
    return escape(visible(short(text, 10 * LONGEST)), quote=False)


def box(*children: str) -> Html:
    """The outermost element of an answer."""
    return el(
        "div",
        *children,
        style="line-height:1.45;overflow-x:auto;overflow-wrap:anywhere;max-width:70em;"
        # Room for what stands at the very end of a bar, without which a scroll bar would appear.
        "padding-right:6px;color:inherit",
    )


def code(text: str, most: int = LONGEST) -> Html:
    """Something as it stands in a manifest or a request."""
    return el("code", short(text, most), style="background:none;padding:0;color:inherit;white-space:pre-wrap")


def muted(*children: str) -> Html:
    """What is there for those who look for it."""
    return el("span", *children, style="opacity:.7;font-size:.93em")


def seen(text: str) -> Html:
    """The text that a condition looked at."""
    style = "background:rgba(213,94,0,.2);color:inherit;border-radius:3px;padding:0 .25em"
    return el("mark", code(text), style=style)


def aside(*children: str, colour: str = AMBER) -> Html:
    """A remark with a line at its left."""
    return el("div", *children, style=f"border-left:3px solid {colour};padding-left:.6em;margin:.2em 0")


def place(source: Where | None) -> Html:
    """File and line, without the folders; the whole place where a mouse rests."""
    if source is None or source.line is None:
        return Html("")
    style = "opacity:.7;font-size:.93em;white-space:nowrap"
    return el("span", f"{os.path.basename(source.file)}:{source.line}", title=short(str(source)), style=style)


# Tables


def cell(*children: str, align: str = "left", width: str = "", valign: str = "top") -> Html:
    """A cell of a table."""
    return el("td", *children, style=_cell(align, width, valign))


def number(text: str) -> Html:
    """A cell with a number, which does not wrap."""
    style = ";white-space:nowrap;font-variant-numeric:tabular-nums"
    return el("td", text, style=_cell("right", "", "top") + style)


def head(text: str, align: str = "left", width: str = "") -> Html:
    """The heading of a column."""
    return el("th", text, scope="col", style=_cell(align, width, "bottom") + ";font-weight:600;white-space:nowrap")


def row_head(*children: str, least: str = "") -> Html:
    """The cell that says what a row is about; ``least`` is a width below which the table scrolls instead."""
    style = _cell("left", "", "top") + ";font-weight:inherit" + (f";min-width:{least}" if least else "")
    return el("th", *children, scope="row", style=style)


def group_head(*children: str, columns: int) -> Html:
    """A row that heads a group of rows."""
    th = el("th", *children, scope="rowgroup", colspan=columns, style=_cell("left", "", "bottom"))
    return el("tr", th, style="background:none;border:0")


def row(*cells: Html) -> Html:
    """A row, with a hairline above it."""
    return el("tr", *cells, style="background:none;border:0;border-top:1px solid rgba(128,128,128,.3)")


def table(heads: Sequence[Html], bodies: Iterable[Sequence[Html]], label: str, width: str = "100%") -> Html:
    """A table whose rows come in groups; ``label`` is its name for those who do not see it."""
    style = (
        f"border-collapse:collapse;table-layout:auto;border:0;width:{width};margin:.4em 0;"
        "font-size:inherit;color:inherit"
    )
    top = el("thead", el("tr", *heads, style="background:none;border:0"), style="border:0")
    return el("table", top, *(el("tbody", *rows) for rows in bodies), style=style, aria_label=label)


def _cell(align: str, width: str, valign: str) -> str:
    return _CELL.format(align=align, valign=valign) + (f";width:{width};min-width:{width}" if width else "")


# Bars


def bar(
    share: Fraction | float,
    label: str,
    *,
    colour: str = BLUE,
    low: Fraction | float | None = None,
    high: Fraction | float | None = None,
    width: str = "",
) -> Html:
    """A share of a whole, perhaps with a range; ``label`` says the same in words."""
    ends = []
    if low is not None and high is not None:
        # Two ends and a line between them.
        style = (
            f"position:absolute;box-sizing:border-box;top:10%;height:80%;left:{_at(low)};width:{_at(high - low)};"
            "min-width:4px;border:0 solid currentColor;border-width:0 2px;opacity:.75;"
            "background:linear-gradient(currentColor,currentColor) center/100% 2px no-repeat"
        )
        ends.append(el("span", style=style))
    filled = f"height:.8em;background:linear-gradient(90deg,{colour} {_wide(share)},{_PALE} 0)"
    if width:
        style = f"display:inline-block;flex:none;width:{width};{filled}"
        return el("span", *ends, role="img", aria_label=label, style=style)
    return el("div", *ends, role="img", aria_label=label, style=f"position:relative;margin-top:.35em;{filled}")


def segments(
    parts: Sequence[tuple[Fraction, Fraction, str, str]], label: str, mark: tuple[Fraction, str] | None = None
) -> Html:
    """A bar cut into (begin, end, colour, title), with a mark at one place."""
    cut = [
        el(
            "span",
            title=title,
            style="position:absolute;box-sizing:border-box;top:0;height:100%;border-right:1px solid transparent;"
            f"left:{_at(begin)};width:{_wide(end - begin)};background:{colour} padding-box",
        )
        for begin, end, colour, title in parts
    ]
    if mark is not None:
        at, title = mark
        style = "position:absolute;top:-20%;height:140%;width:3px;margin-left:-1px;background:currentColor"
        cut.append(el("span", title=title, style=f"{style};left:{_at(at)}"))
    style = f"position:relative;height:1.1em;margin:.5em 0;background:{_PALE}"
    return el("div", *cut, role="img", aria_label=label, style=style)


def share_of(share: Fraction, colour: str, name: Html) -> Html:
    """A share as a small bar and a number, and what has it."""
    text = percent(share)
    style = "flex:none;min-width:4.2em;text-align:right;margin-right:.6em"
    return el(
        "div",
        bar(share, text, colour=colour, width="3em"),
        el("span", text, style=style),
        el("span", name),
        style="display:flex;align-items:baseline",
    )


def colours_of(shares: Sequence[Fraction]) -> list[str]:
    """A colour for each share: amber for the rarest, which is the canary, and none for what never comes up."""
    rarest = min(range(len(shares)), key=lambda i: (shares[i] == 0, shares[i]), default=0)
    others = cycle(colour for colour in COLOURS if colour != AMBER)
    return ["none" if not share else AMBER if i == rarest else next(others) for i, share in enumerate(shares)]


def _at(share: Fraction | float) -> str:
    """A place in per cent of a width."""
    return f"{min(1.0, max(0.0, float(share))) * 100:.2f}".rstrip("0").rstrip(".") + "%"


def _wide(share: Fraction | float) -> str:
    """A width in per cent; what is not nothing can be seen."""
    return _at(max(0.005, float(share)) if share else 0.0)


# What answers have in common


def route_label(route: Route) -> Html:
    """What the manifest calls a route, with the name that Envoy knows it by where a mouse rests."""
    name = route.origin or route.name or f"route {route.index}"
    return el("span", short(name), title=short(route_name(route)) if route.name else None)


def destination_name(destination: Destination) -> Html:
    """A cluster, and its function and subset where it names them."""
    if destination.cluster_header:
        return join("the cluster that ", code(destination.cluster_header), " names")
    if not destination.label:
        return code(destination.cluster)
    return join(code(destination.cluster), " ", muted(short(destination.label)))


def outcome_name(decision: Decision, *, general: bool = False) -> Html:
    """What becomes of a request; ``general`` leaves out what differs between requests of the same outcome."""
    if decision.destination is not None:
        copies = muted(short(decision.copies)) if decision.copies else ""
        return join(destination_name(decision.destination), copies)
    if decision.kind == "fault_abort":
        return join(f"aborted with {decision.status}", muted(" by a fault, before any upstream"))
    if decision.kind == "redirect" and general:
        return el("span", f"redirect ({decision.status})")
    if decision.kind == "tls_redirect" and general:
        return el("span", f"redirect to https ({decision.status})")
    if decision.kind in ("redirect", "tls_redirect") and decision.location:
        return join(f"redirect ({decision.status}) to ", code(readable(decision.location)))
    if decision.kind == "rejected" and decision.seen.refused is not None:
        return join(f"{decision.outcome}: ", readable(decision.seen.refused[1]))
    return el("span", short(decision.outcome))


def opens(decision: Decision, most: int = 5) -> list[Html]:
    """What is unknown, and where it stands."""
    lead = "unknown: " if decision.kind == "unknown" else "open: "
    sent = decision.upstream_request
    unknown = tuple(dict.fromkeys((*decision.unknown, *(() if sent is None else sent.unknown))))
    found = [aside(lead, problem.message, " ", place(problem.where)) for problem in unknown[:most]]
    if len(unknown) > most:
        found.append(aside(f"and {len(unknown) - most} more"))
    return found
