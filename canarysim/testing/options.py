"""How the command line and pytest read a per cent."""

from __future__ import annotations

from argparse import ArgumentTypeError
from fractions import Fraction

__all__ = ["as_percent"]


def as_percent(text: str) -> Fraction:
    """A number from 0 to 100, perhaps with a sign of per cent; argparse's error for another text.

    A number between 0 and 1 without that sign was hardly meant so.
    """
    number = text.removesuffix("%").strip()
    try:
        # No exponents: nobody writes them, and 1e999999999 would take its time.
        value = Fraction(-1 if "e" in number.lower() else number)
    except (ValueError, ZeroDivisionError):
        value = Fraction(-1)
    if not 0 <= value <= 100:
        raise ArgumentTypeError(f"{text!r} is no per cent from 0 to 100")
    if 0 < value < 1 and "%" not in text:
        raise ArgumentTypeError(f"{text!r} is less than 1 per cent: write {float(value * 100):g}, or '{text}%'")
    return value
