"""What a table says to the expectations of one request: what holds, what does not, and what is open."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import attrs

from canarysim.table.outcomes import possible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canarysim.problems import Problem
    from canarysim.request import Request
    from canarysim.table.decision import Decision
    from canarysim.table.route_table import RouteTable
    from canarysim.testing.expectations import Check, Expectation

__all__ = ["Miss", "Verdict", "judge"]


@attrs.frozen
class Miss:
    """An expectation that does not hold: ``share`` of the random values fulfil it, ``open`` may or may not.

    ``wrong`` are the checks that decisions do not fulfil, each with those decisions and their shares; where
    nothing is wrong but too much is open, ``wrong`` is empty.
    """

    expectation: Expectation
    share: Fraction
    open: Fraction
    wrong: tuple[tuple[Check, tuple[tuple[Decision, Fraction], ...]], ...]

    @property
    def is_open(self) -> bool:
        """Whether it is not known that it fails: what is open could make it true."""
        return self.share <= self.expectation.bounds.high and self.share + self.open >= self.expectation.bounds.low


@attrs.frozen
class Verdict:
    """What a table said. ``missed`` is empty where every expectation holds."""

    table: RouteTable = attrs.field(repr=False)
    request: Request
    random_value: int | None
    fault_value: int | None
    decisions: tuple[tuple[Decision, Fraction], ...]
    missed: tuple[Miss, ...]
    #: Of each decision, whether anything that is expected of it holds.
    held: tuple[bool, ...]

    @property
    def holds(self) -> bool:
        return not self.missed

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What leaves open what was asked."""
        return tuple(dict.fromkeys(problem for decision, _ in self.decisions for problem in decision.unknown))


def judge(
    table: RouteTable,
    request: Request,
    expectations: Sequence[Expectation],
    *,
    random_value: int | None = None,
    fault_value: int | None = None,
    allow_unknown: bool = False,
) -> Verdict:
    """Holds every expectation, whose names are resolved, against all decisions that may come of a request.

    Without a random value they are held against every one. What is open fulfils nothing, unless
    ``allow_unknown``: then an expectation holds where what is open could make it true.
    Cost: O(routes of the host), and destinations times checks.
    """
    chances = possible(table.chances(request), random_value, fault_value)
    decisions = tuple((decision, chance.share) for decision, chance in chances if chance.share)
    held = [False] * len(decisions)
    missed = []
    for expectation in expectations:
        fulfilled = unsure = Fraction(0)
        for number, (decision, share) in enumerate(decisions):
            verdict = expectation.verdict(decision)
            if verdict:
                fulfilled += share
            elif verdict is None:
                unsure += share
            held[number] = held[number] or any(check.verdict(decision) for check in expectation.checks)
        if fulfilled in expectation.bounds and fulfilled + unsure in expectation.bounds:
            continue
        miss = Miss(expectation, fulfilled, unsure, _wrong(expectation, decisions))
        if not (allow_unknown and miss.is_open):
            missed.append(miss)
    return Verdict(table, request, random_value, fault_value, decisions, tuple(missed), tuple(held))


def _wrong(
    expectation: Expectation, decisions: Sequence[tuple[Decision, Fraction]]
) -> tuple[tuple[Check, tuple[tuple[Decision, Fraction], ...]], ...]:
    found = []
    for check in expectation.checks:
        against = tuple((decision, share) for decision, share in decisions if check.verdict(decision) is False)
        if against:
            found.append((check, against))
    return tuple(found)
