"""What tests say of one request, as plain text: what was expected and found, what to look at, and why it is so."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from typing import TYPE_CHECKING

from canarysim.faces.text import percent, with_source
from canarysim.problems import Where
from canarysim.request import octets, readable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canarysim.table.decision import Decision
    from canarysim.testing.diagnosis import Clue, Diagnosis
    from canarysim.testing.expectations import Check
    from canarysim.testing.judge import Miss, Verdict

__all__ = ["found_lines", "gist", "verdict_text"]

#: Of what is found in many ways, so many are shown.
_MOST = 8


def verdict_text(verdict: Verdict, diagnosis: Diagnosis, *, explained: bool = True) -> str:
    """Every expectation of a request that does not hold, and the explanation of where the request goes."""
    lines = [
        line
        for miss, clues in zip(verdict.missed, diagnosis.clues, strict=True)
        for line in _miss_lines(verdict, miss, clues)
    ]
    return "\n".join([*lines, "", str(diagnosis.explanation)] if explained else lines)


def gist(verdict: Verdict) -> str:
    """The first expectation that does not hold, in one line; its place is in the text."""
    miss = verdict.missed[0]
    wanted = str(miss.expectation)
    if miss.is_open:
        found = "which is unknown"
    elif miss.expectation.share is not None:
        found = f"found {percent(miss.share)}"
    else:
        check, against = miss.wrong[0]
        wanted = check.wanted if check.name == "destination" else f"{check.name} {check.wanted}"
        found = f"found {check.found(against[0][0])}"
    return readable(octets(f"expected {wanted}, {found}"))


def _miss_lines(verdict: Verdict, miss: Miss, clues: Sequence[Clue]) -> list[str]:
    """One expectation that does not hold."""
    if miss.is_open:
        lines = _lines("expected", str(miss.expectation))
        problems = verdict.problems or ()
        lines += [line for p in problems for line in _lines("unknown", p.message, p.where)]
        return lines if problems else [*lines, *_lines("unknown", "a part that is asked for is open")]
    if miss.expectation.share is not None:
        lines = _lines("expected", str(miss.expectation))
        open_ = f", and {percent(miss.open)} that is unknown" if miss.open else ""
        fraction = "" if (miss.share * 10_000).denominator == 1 else f" ({miss.share})"
        lines += _lines("found", f"{percent(miss.share)}{fraction}{open_}")
    else:
        lines = [line for check, against in miss.wrong for line in _check_lines(check, against)]
    for number, clue in enumerate(clues):
        lines += _lines("look at" if not number else "", clue.text, clue.where)
    return lines


def _check_lines(check: Check, against: Sequence[tuple[Decision, Fraction]]) -> list[str]:
    name = "" if check.name == "destination" else f"{check.name} "
    lines = _lines("expected", name + check.wanted)
    shares: defaultdict[tuple[str, Where], Fraction] = defaultdict(Fraction)
    for decision, share in against:
        shares[check.found(decision), decision.source or Where()] += share
    for number, ((text, where), share) in enumerate(shares.items()):
        if number == _MOST:
            lines += _lines("", f"and {len(shares) - _MOST} more")
            break
        part = f"{percent(share)}  " if len(shares) > 1 or share < 1 else ""
        lines += _lines("found" if not number else "", part + name + text, where)
    return lines


def _lines(lead: str, text: str, where: Where | None = None) -> list[str]:
    return with_source(f"  {lead:<8}  ", readable(octets(text)), where or Where(), whole=True)


def found_lines(found: Sequence[tuple[Decision, Fraction]], lead: str) -> list[str]:
    """What becomes of a request, in shares."""
    shown = found[:_MOST]
    lines = []
    for number, (decision, share) in enumerate(shown):
        part = f"{percent(share)}  " if share < 1 else ""
        lines += with_source(
            f"  {'' if number else lead:<{len(lead)}}  ",
            part + readable(decision.outcome),
            decision.source or Where(),
            whole=True,
        )
    return lines if len(found) <= _MOST else [*lines, f"  and {len(found) - _MOST} more"]
