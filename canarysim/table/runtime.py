"""Envoy's runtime: values by key that change fractions, weights and behaviours without a new configuration.

Facts (Envoy documentation of the runtime; each run on 1.36.4 and 1.40.0, see tests/envoy/test_versions.py):

1. A layer is a tree; the key of a leaf is the path to it, joined by dots. A mapping with ``numerator`` or
   ``denominator`` is a leaf. Of several layers the last that has a key wins.
2. A fraction with a ``runtime_key`` becomes N/100, whatever its denominator, where the key holds a number N of 0
   or more, cut to a whole one, and what it says where it holds ``{numerator, denominator}``: there a numerator
   in quotes is 0. A denominator that Envoy does not have, or anything else, leaves the default.
3. A weight is replaced where its key holds a number of 0 or more, cut to a whole one.
4. A guard is off where its key holds false.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from canarysim.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["DENOMINATORS", "NO_RUNTIME", "Runtime", "check_fraction", "fraction_to_envoy"]

#: The denominators of a FractionalPercent by name, in the order of their numbers.
DENOMINATORS = {"HUNDRED": 100, "TEN_THOUSAND": 10_000, "MILLION": 1_000_000}

#: A leaf; a fraction is the pairs of its mapping.
Value = bool | int | float | str | tuple[tuple[str, "bool | int | float | str"], ...]
_NUMBER = r"(?a)\s*[+]?(?:([0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?)|0[xX]([0-9a-fA-F]+))"
_GUARD = "envoy.reloadable_features."


def check_fraction(numerator: int, denominator: int) -> None:
    """Raise InvalidValue for what is no FractionalPercent."""
    if denominator not in DENOMINATORS.values():
        raise InvalidValue("bad_denominator", f"a fraction is of 100, 10^4 or 10^6, not {denominator}")
    if not 0 <= numerator < 2**32:
        raise InvalidValue("bad_numerator", f"a numerator is 0 to 2^32 - 1, not {numerator}")


def fraction_to_envoy(numerator: int, denominator: int) -> dict[str, Any]:
    """A FractionalPercent."""
    name = next(name for name, value in DENOMINATORS.items() if value == denominator)
    return {"numerator": numerator, "denominator": name}


class Runtime(NamedTuple):
    """A runtime: its leaves by key, as (key, value) pairs in the order of their keys."""

    items: tuple[tuple[str, Value], ...] = ()

    @classmethod
    def of(cls, *layers: Mapping[str, Any]) -> Runtime:
        """The runtime of some layers, each a mapping by key or a tree of mappings (fact 1)."""
        leaves: dict[str, Value] = {}
        for layer in layers:
            if not hasattr(layer, "items"):
                raise TypeError(f"a runtime is a mapping from keys to values, not {type(layer).__name__}")
            leaves.update(_leaves(layer, ""))
        return cls(tuple(sorted(leaves.items())))

    def get(self, key: str) -> Value | None:
        """The value of a key, or None."""
        return next((value for known, value in self.items if known == key), None) if key else None

    def integer(self, key: str, default: int) -> int:
        """The whole number that a key holds, or the default (fact 3)."""
        value = self.get(key)
        return default if value is None else _whole(value, default)

    def fraction(self, key: str, numerator: int, denominator: int) -> tuple[int, int]:
        """Numerator and denominator of a fraction with that key and that default (fact 2)."""
        if not key or not self.items:
            return numerator, denominator
        value = self.get(key)
        if isinstance(value, tuple):
            told = dict(value)
            known = DENOMINATORS.get(told.get("denominator", "HUNDRED"))  # type: ignore[arg-type]
            number = told.get("numerator", 0)
            if known is None:
                return numerator, denominator
            return (0 if isinstance(number, str | bool) else _whole(number, 0)), known
        number = _whole(value, -1)
        return (number, 100) if number >= 0 else (numerator, denominator)

    def guard(self, name: str, default: bool = True) -> bool:
        """Whether the guard ``envoy.reloadable_features.<name>`` is on (fact 4)."""
        value = self.get(_GUARD + name)
        if isinstance(value, str):
            return {"true": True, "false": False}.get(value, default)
        return value if isinstance(value, bool) else default


#: Nothing set.
NO_RUNTIME = Runtime()


def _whole(value: object, default: int) -> int:
    """A number of 0 or more without its fraction; text that reads as one counts as one."""
    if isinstance(value, bool):
        return default
    if isinstance(value, str):
        found = re.fullmatch(_NUMBER, value)
        value = None if found is None else float(found[1]) if found[1] else int(found[2], 16)
    return int(value) if isinstance(value, int | float) and 0 <= value <= 2**64 else default


def _leaves(tree: Mapping[str, Any], path: str) -> Iterator[tuple[str, Value]]:
    for key, value in tree.items():
        if hasattr(value, "items") and not {"numerator", "denominator"} & value.keys():
            yield from _leaves(value, f"{path}{key}.")
        elif hasattr(value, "items"):
            yield f"{path}{key}", tuple(sorted(value.items()))
        elif isinstance(value, bool | int | float | str | tuple):
            yield f"{path}{key}", value
        else:
            raise InvalidValue("bad_runtime", f"the runtime key {path}{key} holds {value!r}, which is no value")
