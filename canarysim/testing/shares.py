"""Shares as people write them in a test: exact fractions, whatever the spelling."""

from __future__ import annotations

import operator
from decimal import Decimal
from fractions import Fraction
from numbers import Rational, Real
from typing import TYPE_CHECKING

from canarysim.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Share", "add_to_one", "as_share"]

Share = Fraction | int | float | str


def as_share(share: Share) -> Fraction:
    """A share from 0 to 1, exactly.

    It is a Fraction, an int, text such as "1/3" or "12.5%", or a float, which is read as the decimal number it
    prints as. Raises InvalidValue (``bad_share``) for anything else.

    >>> as_share(0.1), as_share("12.5%"), as_share("1/3")
    (Fraction(1, 10), Fraction(1, 8), Fraction(1, 3))
    """
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
        raise InvalidValue("shares_do_not_add_up", f"{name} add to {total}, not to 1")
