"""How the command line and pytest read a per cent."""

from __future__ import annotations

from argparse import ArgumentTypeError
from fractions import Fraction

__all__ = ["as_percent"]


def as_percent(text: str) -> Fraction:
    """A number from 0 to 100, perhaps with a sign of per cent; argparse's error for another text."""
    try:
        value = Fraction(text.removesuffix("%").strip())
    except (ValueError, ZeroDivisionError):
        value = Fraction(-1)
    if not 0 <= value <= 100:
        raise ArgumentTypeError(f"{text!r} is no per cent from 0 to 100")
    return value
