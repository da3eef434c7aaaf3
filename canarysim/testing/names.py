"""What costs nothing to import: what test files are called, and how a per cent is written."""

from __future__ import annotations

TYPE_CHECKING = False  # as typing.TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

__all__ = ["SUFFIXES", "as_percent", "is_test_file"]

#: What the names of test files end in.
SUFFIXES = (".canary.yaml", ".canary.yml", ".canary.json")


def is_test_file(name: str) -> bool:
    """Whether a file of that name, without its folder, is one of tests: ``test_*.canary.yaml``, .yml or .json."""
    return name.startswith("test_") and name.endswith(SUFFIXES)


def as_percent(text: str) -> Fraction:
    """A number from 0 to 100, perhaps with a sign of per cent; argparse's error for another text."""
    from argparse import ArgumentTypeError
    from fractions import Fraction

    try:
        value = Fraction(text.removesuffix("%").strip())
    except (ValueError, ZeroDivisionError):
        value = Fraction(-1)
    if not 0 <= value <= 100:
        raise ArgumentTypeError(f"{text!r} is no per cent from 0 to 100")
    return value
