"""Observed counts against promised shares: an exact test whose rate of false alarms is declared, not found out."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from fractions import Fraction
from numbers import Number
from typing import TYPE_CHECKING, Any

from canarysim.answers.observed import MAX_REQUESTS, SplitObserved, observe
from canarysim.errors import InvalidValue
from canarysim.testing.failure import failure
from canarysim.testing.shares import Share, add_to_one, as_share

if TYPE_CHECKING:
    from typing import SupportsFloat, SupportsIndex

__all__ = ["assert_split_observed"]

#: unittest cuts a traceback where a module says this.
__unittest = True

_LEAST_FALSE_ALARM = Fraction(1, 10**100)


def assert_split_observed(
    counts: Mapping[str, SupportsIndex | SupportsFloat],
    shares: Mapping[str, Share],
    false_alarm: Share = 1e-3,
    detect: Mapping[str, Share] | None = None,
) -> SplitObserved:
    """Asserts that counted requests fit the shares they were promised, as far as chance lets one tell.

    ``counts`` says how many requests went where: of twenty curls, a log, a query of metrics; 1 to 10^15 in all.
    ``shares`` are read as ``assert_split`` reads them and add to exactly 1. A name that only one of the two has
    was seen 0 times, or has share 0. ``false_alarm`` is the probability, at most, that the test fails although the
    shares hold and requests are independent. A request at a share of 0, or elsewhere than at a share of 1, always
    fails.

    The tests are exact binomial ones with equal tails; of more than two destinations each is tested at an equal
    part of the rate. ``detect`` names shares that should be caught: then the message and the result tell the
    power, which is how likely so many requests fail if these are the true shares, and how many have one of 90 %.

    Returns a SplitObserved with the figures, whose ``str()`` is the table. Raises AssertionError with the same
    table, and InvalidValue for what is no count, share or rate. Cost: about a millisecond a destination, whatever
    n; with ``detect`` some milliseconds for two destinations, up to a second for more, and seconds for a thousand.

    >>> import canarysim as cs
    >>> counts = {"v1": 17, "v2": 3}
    >>> print(cs.assert_split_observed(counts, {"v1": "70%", "v2": "30%"}, detect={"v1": 0.5, "v2": 0.5}))
    20 requests fit the promised shares
    <BLANKLINE>
           seen   share   promised   detect   expected   allowed
      v1     17    85 %       70 %     50 %         14   7 to 20
      v2      3    15 %       30 %     50 %          6   0 to 13
    <BLANKLINE>
    p-value 0.21; false-alarm rate at most 0.001.
    Power: if the shares under detect are the true ones, 20 requests fail this test
    in 5.8 % of runs. A power of 90 % takes 126 requests.
    """
    __tracebackhide__ = True
    try:
        seen = _observed(counts, shares, false_alarm, detect)
    except InvalidValue as error:
        raise error.with_traceback(None) from None  # it is about what the caller gave
    if not seen.fits:
        raise failure(str(seen))
    return seen


def _observed(counts: Any, shares: Any, false_alarm: Any, detect: Any) -> SplitObserved:
    counted = {name: _count(name, count) for name, count in _named(counts, "counts", "requests").items()}
    n = sum(counted.values())
    if not n:
        raise InvalidValue(
            "nothing_observed", "the counts hold no request: nothing was observed, so nothing is shown"
        )
    if n > MAX_REQUESTS:
        raise InvalidValue("bad_count", f"the counts add to {n}; at most 10^15 requests are judged")
    promised = _shares(shares, "shares")
    rate = _rate(false_alarm)
    if detect is None:
        return observe(counted, promised, rate)
    sought = _shares(detect, "detect")
    if sought.keys() != promised.keys():
        other = min(sought.keys() ^ promised.keys())
        lacks = "detect" if other in promised else "shares"
        raise InvalidValue(
            "other_names", f"{lacks} lacks {other!r}: shares and detect name the same; write 0 for none"
        )
    if sought == promised:
        raise InvalidValue(
            "nothing_to_detect", "detect has the promised shares: name other ones, that should be caught"
        )
    return observe(counted, promised, rate, sought)


def _named(values: Any, what: str, of: str) -> Mapping[str, Any]:
    """A mapping of names; InvalidValue for anything else."""
    if not isinstance(values, Mapping):
        raise InvalidValue(
            "no_mapping", f"{what} maps names to {of}, as in {{'v1': ...}}; this is a {type(values).__name__}"
        )
    for name in values:
        if not isinstance(name, str):
            raise InvalidValue("bad_name", f"{what} has the name {name!r}; names are text: {str(name)!r}")
    return values


def _shares(values: Any, what: str) -> dict[str, Fraction]:
    found = {name: as_share(share) for name, share in _named(values, what, "shares").items()}
    add_to_one(found.values(), what)
    return found


def _count(name: str, count: Any) -> int:
    """A whole number, also as a float, which is what queries of metrics give."""
    whole = -1
    if isinstance(count, Number) and not isinstance(count, bool):
        with suppress(TypeError, ValueError, OverflowError):  # complex numbers, nan, infinity
            whole = int(count)  # type: ignore[call-overload]
    if whole < 0 or whole != count:
        raise InvalidValue("bad_count", f"{name!r} has {count!r} requests: counts are whole numbers from 0 on")
    return whole


def _rate(false_alarm: Any) -> Fraction:
    try:
        rate = as_share(false_alarm)
    except InvalidValue:
        rate = Fraction(0)
    if not _LEAST_FALSE_ALARM <= rate < 1:
        raise InvalidValue(
            "bad_false_alarm",
            f"false_alarm is the probability of a false alarm, from 1e-100 to below 1, as 0.001 or '0.1%'; "
            f"it is {false_alarm!r}",
        )
    return rate
