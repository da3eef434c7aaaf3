"""Which resources a selector takes: by labels and by expressions on labels.

Facts (Kubernetes labels, as Gloo 1.22 uses them):

1. Labels to compare must all be there with just that value.
2. ``In`` and ``NotIn`` need at least one value, ``Equals``, ``DoubleEquals`` and ``NotEquals`` just one,
   ``Exists`` and ``DoesNotExist`` none, ``GreaterThan`` and ``LessThan`` one whole number. Without an operator
   it is ``Equals``. Several expressions must all hold.
3. ``NotIn`` and ``NotEquals`` hold where the label is missing. ``GreaterThan`` and ``LessThan`` need a label that
   is a whole number.
4. A key is a name of at most 63 letters, digits, ``-``, ``_`` and ``.`` that begins and ends with a letter or
   digit, perhaps behind a DNS name and a slash. A value is such a name, or empty.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from canarysim.manifests.fields import Record

__all__ = ["holds", "same_labels", "why_bad"]

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
_DNS = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*"
_WHOLE = r"([-+]?)(?=[0-9])0*([0-9]*)"


def same_labels(wanted: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Fact 1."""
    return all(labels.get(key) == value for key, value in wanted.items())


def why_bad(expression: Record) -> str | None:
    """Why Kubernetes refuses an expression, or None (facts 2 and 4)."""
    key, operator, values = _parts(expression)
    prefix, slash, name = key.rpartition("/")
    if not re.fullmatch(_NAME, name) or (slash and (len(prefix) > 253 or not re.fullmatch(_DNS, prefix))):
        return f"{key!r} is no key of a label"
    if operator in ("In", "NotIn"):
        if not values:
            return f"{operator} needs at least one value"
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            return f"{operator} takes no values"
    elif len(values) != 1:
        return f"{operator} needs just one value"
    elif operator in ("GreaterThan", "LessThan") and _int64(values[0]) is None:
        return f"{operator} needs a whole number, not {values[0]!r}"
    bad = next((value for value in values if value and not re.fullmatch(_NAME, value)), None)
    return None if bad is None else f"{bad!r} is no value of a label"


def holds(expression: Record, labels: Mapping[str, str]) -> bool:
    """Whether labels fulfil a good expression (facts 2 and 3)."""
    key, operator, values = _parts(expression)
    found = labels.get(key)
    match operator:
        case "In" | "Equals" | "DoubleEquals":
            return found is not None and found in values
        case "NotIn" | "NotEquals":
            return found is None or found not in values
        case "Exists":
            return found is not None
        case "DoesNotExist":
            return found is None
        case _:
            label, bound = _int64(found or ""), _int64(values[0])
            if label is None or bound is None:
                return False
            return label > bound if operator == "GreaterThan" else label < bound


def _parts(expression: Record) -> tuple[str, str, list[str]]:
    return expression.get("key", ""), expression.get("operator", "Equals"), expression.get("values", [])


def _int64(text: str) -> int | None:
    """The whole number that a text is, if it fits into 64 bits."""
    found = re.fullmatch(_WHOLE, text)
    if found is None or len(found[2]) > 19:
        return None
    value = -int(found[2] or 0) if found[1] == "-" else int(found[2] or 0)
    return value if -(2**63) <= value < 2**63 else None
