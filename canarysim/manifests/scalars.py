"""What a scalar of a Kubernetes manifest means where a field of a certain type stands.

Facts:

1. Kubernetes turns YAML into JSON by the YAML 1.1 rules of Go's library: unquoted ``y n yes no on off true
   false`` in the usual capitalisations are booleans, ``null ~`` and nothing at all are null, ``010`` is octal,
   ``1_000`` an integer. Times and dates stay text. Quoted text is text.
2. Protobuf's JSON reader then asks for the type of the field: a string takes no number and no boolean; an
   unsigned integer takes a number without a fraction, or the text of one; a boolean only a boolean; an enum
   the name or the number of a value; null is the same as an absent field.
3. A duration is text as Go writes it, numbers with units: ``1.5s``, ``500ms``, ``1m30s``; or ``0``. A number with
   a fraction may stand in quotes.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from canarysim.manifests.document import Scalar

__all__ = ["WrongType", "is_null", "to_bool", "to_duration", "to_float", "to_int", "to_name", "to_text"]

_TRUE = frozenset("y Y yes Yes YES true True TRUE on On ON".split())
_FALSE = frozenset("n N no No NO false False FALSE off Off OFF".split())
_NULL = frozenset(["", "~", "null", "Null", "NULL"])
_INT = re.compile(r"([-+]?)(0[bB]_*[01][01_]*|0[xX]_*[0-9a-fA-F][0-9a-fA-F_]*|0[oO]?_*[0-7][0-7_]*|[0-9][0-9_]*)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_RANGE = "write a number in that range"
_NANOSECONDS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_DURATION_PART = r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|ms|s|m|h)"
_DURATION = rf"[-+]?(?:0|(?:{_DURATION_PART})+)"
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")


class WrongType(Exception):
    """A scalar that its field does not take. ``message`` and ``hint`` complete a Problem."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def _kind(scalar: Scalar) -> Literal["null", "bool", "int", "float", "text"]:
    text = scalar.text
    if scalar.tag in ("tag:yaml.org,2002:str", "!") or not scalar.plain:
        return "text"
    if text in _NULL:
        return "null"
    if text in _TRUE or text in _FALSE:
        return "bool"
    first = text[0]
    if first in "+-.0123456789":
        if _INT.fullmatch(text):
            return "int"
        if _FLOAT.fullmatch(text) or _SPECIAL.fullmatch(text):
            return "float"
    return "text"


def is_null(scalar: Scalar) -> bool:
    """Whether a scalar stands for an absent field."""
    return scalar.plain and scalar.text in _NULL and scalar.tag is None


def to_text(scalar: Scalar) -> str:
    """The text of a string field."""
    kind = _kind(scalar)
    if kind == "text":
        return scalar.text
    if kind == "null":
        raise WrongType("must be a string, and there is nothing", "write a text, or remove the item")
    what = {"bool": "a boolean", "int": "a number", "float": "a number"}[kind]
    raise WrongType(
        f"must be a string, but unquoted {scalar.text} is {what} in YAML", f'quote it: "{scalar.text}"'
    )


def to_bool(scalar: Scalar) -> bool:
    """The value of a boolean field."""
    if _kind(scalar) == "bool":
        return scalar.text in _TRUE
    hint = ""
    if scalar.text.lower() in ("true", "false"):
        hint = f"remove the quotes: {scalar.text.lower()}"
    raise WrongType(f"must be true or false, not {_shown(scalar)}", hint or "write true or false")


def to_int(scalar: Scalar, low: int, high: int) -> int:
    """The value of an integer field from ``low`` to ``high``."""
    kind, text = _kind(scalar), scalar.text
    if len(text) > 40:
        raise WrongType(f"is {text[:20]}..., out of its range from {low} to {high}", _RANGE)
    value: float | None = None
    if kind == "int":
        value = _int(text)
    elif (kind == "float" and _FLOAT.fullmatch(text)) or (kind == "text" and _JSON_NUMBER.fullmatch(text)):
        value = _exact(text)
    if value is None:
        raise WrongType(f"must be a whole number, not {_shown(scalar)}", f"write a number from {low} to {high}")
    if not low <= value <= high:
        raise WrongType(f"is {text}, out of its range from {low} to {high}", _RANGE)
    if value != int(value):
        raise WrongType(f"must be a whole number, not {text}", "write it without a fraction")
    return int(value)


def to_float(scalar: Scalar) -> float:
    """The value of a field for numbers with a fraction."""
    kind, text = _kind(scalar), scalar.text
    if kind == "int":
        return float(_int(text)) if len(text) <= 40 else float("inf")
    if (kind == "float" and _FLOAT.fullmatch(text)) or (kind == "text" and _JSON_NUMBER.fullmatch(text)):
        return float(text)
    raise WrongType(f"must be a number, not {_shown(scalar)}", "write a number such as 12.5")


def to_duration(scalar: Scalar) -> int:
    """The nanoseconds of a duration (fact 3)."""
    text = scalar.text
    if _kind(scalar) == "text" and re.fullmatch(_DURATION, text) and len(text) < 100:
        parts = re.findall(_DURATION_PART, text)
        nanoseconds = sum(Fraction(number.rstrip(".")) * _NANOSECONDS[unit] for number, unit in parts)
        if nanoseconds < 2**63:
            return -int(nanoseconds) if text.startswith("-") else int(nanoseconds)
    hint = (
        f"write {text}s for seconds" if _kind(scalar) in ("int", "float") else "write it as in 1.5s, 500ms or 2m"
    )
    raise WrongType(f"must be a duration, not {_shown(scalar)}", hint)


def to_name(scalar: Scalar, names: tuple[str, ...]) -> str:
    """The name of an enum's value, which may be written as its number."""
    if scalar.text in names:
        return scalar.text
    if _kind(scalar) == "int" and 0 <= (number := _int(scalar.text)) < len(names):
        return names[number]
    hint = f"write one of {', '.join(names)}"
    raise WrongType(f"must be one of the names of its values, not {_shown(scalar)}", hint)


def _int(text: str) -> int:
    found = _INT.fullmatch(text)
    assert found is not None
    digits = found[2].replace("_", "")
    if digits[:2].lower() in ("0b", "0x", "0o"):
        value = int(digits, 0)
    elif digits[0] == "0" and len(digits) > 1:
        value = int(digits, 8) if re.fullmatch("[0-7]+", digits) else int(digits)
    else:
        value = int(digits)
    return -value if found[1] == "-" else value


def _exact(text: str) -> float:
    """A decimal number; one too large for a float becomes infinite and fails the range."""
    value = float(text)
    return int(value) if value.is_integer() else value


def _shown(scalar: Scalar) -> str:
    return scalar.text if scalar.plain and scalar.text else repr(scalar.text)
