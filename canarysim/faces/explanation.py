"""Explanations as plain text: one screen that says why a request goes where it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarysim.faces.text import open_lines, percent, plural, route_name, with_source
from canarysim.request import readable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from canarysim.answers.explain import Explanation, Step

__all__ = ["explanation_text"]

_FOLD_FROM = 6


def explanation_text(explanation: Explanation) -> str:
    """Why a request goes where it goes, on one screen: routes far from matching are folded."""
    lines = [str(explanation.request)]
    lines += [f"  note: {note}" for note in explanation.notes]
    host = explanation.host
    shown = f"host {readable(host.authority)!r}" if host.authority else "no host"
    decision = explanation.decisions[0][0]
    if decision.seen.refused is not None:
        return "\n".join([*lines, f"  {decision.seen.refused[1]}: {decision.status}"])
    if host.virtual_host is None or host.rule is None:
        return "\n".join([*lines, f"  {shown} belongs to no virtual host: 404"])
    domain = repr(host.rule.domain)
    why = {
        "exact": f"{shown} is its domain {domain}",
        "suffix": f"{shown} ends as its domain {domain}",
        "prefix": f"{shown} begins as its domain {domain}",
        "default": f"its domain {domain} takes every host",
    }[host.rule.kind]
    lines.append(f"  virtual host {host.virtual_host.name}: {why}")
    lines.append("")
    lines += _steps(explanation.steps, explanation.near)
    if explanation.winner is not None:
        verb = "may match" if decision.kind == "unknown" and decision.destination is None else "matches"
        lines += with_source(
            f"{explanation.winner.index:>3}  {verb}: ",
            str(explanation.winner.match),
            explanation.winner.source,
        )
        lines.append(f"     route {route_name(explanation.winner)}")
    lines.append("")
    for each, share in explanation.decisions:
        lead = f"{percent(share):>8}  " if len(explanation.decisions) > 1 else "      => "
        lines.append(f"{lead}{each.outcome}")
    if explanation.random_value is not None:
        lines.append(f"         with the random value {explanation.random_value}")
    lines += open_lines(decision)
    return "\n".join(lines)


def _steps(steps: Sequence[Step], near: Iterable[Step]) -> list[str]:
    keep = set(map(id, near)) if len(steps) >= _FOLD_FROM else set(map(id, steps))
    lines: list[str] = []
    folded = 0
    for step in [*steps, None]:
        if step is not None and id(step) not in keep:
            folded += 1
            continue
        if folded:
            lines.append(f"     ... {plural(folded, 'route')} of another path or with several refusals")
            folded = 0
        if step is not None:
            lines += with_source(f"{step.route.index:>3}  ", str(step.route.match), step.route.source)
            lines.append(f"     refused: {step.refused_by.view.name} is {step.saw}")
    return lines
