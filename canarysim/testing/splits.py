"""Whole splits: destinations with exact shares that add to 1, so that nothing is left for others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from canarysim.errors import InvalidValue
from canarysim.problems import Where
from canarysim.testing.expectations import Destined, Expectation, OfKind
from canarysim.testing.shares import Bounds, add_to_one, as_share, exact

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from canarysim.testing.expectations import Check
    from canarysim.testing.judge import Verdict
    from canarysim.testing.shares import Share

__all__ = ["check_apart", "split_expectations", "unexpected_lines"]

Wanted = str | Mapping[str, Any]


def split_expectations(pairs: Iterable[tuple[Wanted, Share]], source: Where = Where()) -> list[Expectation]:  # noqa: B008
    """An expectation for each destination. InvalidValue for shares that do not add to 1."""
    found = []
    for wanted, share in pairs:
        value = as_share(share)
        found.append(Expectation((_check(wanted),), Bounds(value, value), source))
    add_to_one((each.bounds.low for each in found), "the expected shares")
    return found


def _check(wanted: Wanted) -> Check:
    if isinstance(wanted, str):
        return Destined({"cluster": wanted})
    return OfKind([wanted["kind"]]) if set(wanted) == {"kind"} else Destined(dict(wanted))


def check_apart(verdict: Verdict, expectations: Sequence[Expectation]) -> None:
    """InvalidValue where two of the destinations are the same one for this request."""
    for decision, _ in verdict.decisions:
        claims = [each for each in expectations if each.verdict(decision)]
        if len(claims) > 1:
            name = _named(claims[1])
            raise InvalidValue("overlapping_destinations", f"{name} overlaps another destination")


def unexpected_lines(verdict: Verdict, expectations: Sequence[Expectation]) -> list[str]:
    """A line for each decision that no part of the split expects."""
    return [
        f"  {decision.outcome}: not expected, is {exact(share)}"
        for decision, share in verdict.decisions
        if not any(each.verdict(decision) for each in expectations)
    ]


def _named(expectation: Expectation) -> str:
    return str(attrs.evolve(expectation, share=None))
