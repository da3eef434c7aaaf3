"""Shares as people write them: Fractions, ints, decimals, "12.5%", "1/3"."""

from __future__ import annotations

import operator
import re
from decimal import Decimal
from fractions import Fraction
from numbers import Rational, Real
from typing import TYPE_CHECKING

import attrs

from canarysim.errors import InvalidValue
from canarysim.faces.text import percent

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ALWAYS", "Bounds", "Share", "add_to_one", "as_share", "exact"]

#: An exponent that would make a number of thousands of digits, which takes its time.
_TOO_LONG = re.compile(r"[eE][-+]?[0-9_]{4}")

Share = Fraction | int | float | str


def as_share(share: Share) -> Fraction:
    """The exact share; a float is read as the decimal number it prints as. InvalidValue (``bad_share``)."""
    try:
        value = _exact(share)
    except (ValueError, TypeError, ArithmeticError) as error:
        raise InvalidValue("bad_share", f"{share!r} is no share; write 0.1, '10%' or Fraction(1, 10)") from error
    if not 0 <= value <= 1:
        raise InvalidValue("bad_share", f"{share!r} is no share: shares go from 0 to 1 (10 % is 0.1 or '10%')")
    return value


def _exact(share: object) -> Fraction:
    if isinstance(share, bool):
        raise TypeError
    if isinstance(share, str):
        text = share.strip()
        if _TOO_LONG.search(text):
            raise ValueError
        return Fraction(text[:-1].strip()) / 100 if text.endswith("%") else Fraction(text)
    if isinstance(share, float):
        return Fraction(float.__repr__(share))
    if isinstance(share, Decimal | Fraction):
        return Fraction(share)
    if isinstance(share, Real) and not isinstance(share, Rational):
        return Fraction(str(share))  # a float of numpy, in its own precision
    return Fraction(operator.index(share))  # type: ignore[arg-type]


def add_to_one(shares: Iterable[Fraction], name: str) -> None:
    """Raises InvalidValue (``shares_do_not_add_up``) for shares that add to anything but exactly 1."""
    total = sum(shares, Fraction(0))
    if total != 1:
        raise InvalidValue("shares_do_not_add_up", f"{name} add to {exact(total)}, not to 100 %")


@attrs.frozen
class Bounds:
    """A share from ``low`` to ``high``, both included; an exact one where they are equal."""

    low: Fraction
    high: Fraction

    def __attrs_post_init__(self) -> None:
        if self.low > self.high:
            raise InvalidValue(
                "bad_bounds", f"no share is at least {percent(self.low)} and at most {percent(self.high)}"
            )

    def __contains__(self, share: Fraction) -> bool:
        return self.low <= share <= self.high

    def __str__(self) -> str:
        if self.low == self.high:
            return exact(self.low)
        if self.low == 0:
            return f"at most {exact(self.high)}"
        return f"at least {exact(self.low)}" if self.high == 1 else f"{exact(self.low)} to {exact(self.high)}"


ALWAYS = Bounds(Fraction(1), Fraction(1))


def exact(share: Fraction) -> str:
    """A share in per cent, with the fraction beside it where the per cents are rounded."""
    text = percent(share)
    shown = text.removesuffix(" %")
    rounded = "<" in text or ">" in text or Fraction(shown) != share * 100
    return f"{text} ({share})" if rounded else text
