"""Access logs as plain text: what was left out of one, and which of its requests found no route."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from canarysim.faces.text import plural
from canarysim.request import octets, readable

if TYPE_CHECKING:
    from canarysim.answers.simulate import Simulation
    from canarysim.engine.access_log import LogReport

__all__ = ["SHOWN", "left_out_text", "not_found_text"]

SHOWN: Final = 100
"""So many of the requests that found no route are shown."""

_COUNTS_AS: Final = {
    "method": "every request counts as a GET",
    "authority": "every request counts as one without a host",
}
#: What a table always looks at and hardly any log has.
_SELDOM: Final = ("scheme", "header connection", "header upgrade", "header x-forwarded-proto")


def left_out_text(report: LogReport) -> str:
    """The rows of a log that were left out, and what it does not say of its requests; "" where that is nothing."""
    lines = []
    if report.skipped:
        rows = plural(report.skipped, "row")
        lines.append(f"{rows} of {report.read + report.skipped:,} left out")
        for row in report.first_skipped:
            lines.append(f"{report.name}:{row.line}: warning: the row {row.reason}")
            lines += [f"    {row.text}"] if row.text else []
        if report.skipped > len(report.first_skipped):
            lines.append(f"... and {plural(report.skipped - len(report.first_skipped), 'row')} more")
    if report.damage:
        lines.append(f"{report.name}: warning: {report.damage}: what follows is lost")
    for column in report.absent:
        if column not in _SELDOM:
            counts_as = _COUNTS_AS.get(column, "every request counts as one without it")
            lines.append(f"{report.name}: note: the log does not say the {column}: {counts_as}")
            lines += [f"    -> {_where(column, report)}"] if report.format == "json" else []
    return "\n".join(lines)


def _where(column: str, report: LogReport) -> str:
    """Where a column was looked for, and how to name another field."""
    option = f"--field {shlex.quote(f'{column}=NAME')}"
    if column not in report.fields:
        return f"{option} names the field that has it"
    looked = readable(octets(report.fields[column].replace(", else ", " or ")))
    return f"no row has a value in {looked}; {option} names another field"


def not_found_text(simulation: Simulation) -> str:
    """The requests that found no route, the most frequent first; "" where there are none."""
    found = list(simulation.examples(SHOWN + 1, kind="not_found").items())
    if not found:
        return ""
    title = f"{plural(simulation.counts('kind')['not_found'], 'request')} found no route"
    shown = found[:SHOWN]
    if len(found) == len(shown):
        title += f", {len(found):,} distinct"
    else:
        title += f"; the {SHOWN} most frequent, with {sum(count for _, count in shown):,} of them"
    width = max(len(f"{count:,}") for _, count in shown)
    lines = [title, ""]
    lines += [f"  {count:>{width},}  {readable(octets(str(request)))}" for request, count in shown]
    return "\n".join(lines)
