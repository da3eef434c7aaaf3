"""What a scalar of an Envoy configuration means where a field of a certain type stands.

Facts (observed on Envoy 1.36.4 and 1.40.0, see tests/envoy/test_typing.py):

1. A file whose name ends in .json is JSON, in .yaml or .yml YAML. YAML is turned into JSON first, and only its
   first document is read.
2. In YAML an unquoted ``y yes on true n no off false`` (small, capital, or with a capital first letter) is a
   boolean. A whole number of 64 bits, octal with a leading 0 and hexadecimal with 0x, is a number within 32 bits
   and beyond them the text of the number in decimal. ``null``, ``Null``, ``NULL``, ``~`` and nothing are null.
   All else is text as it stands, fractions and ``080`` too. Of tags only ``!`` means anything: text. With any
   other tag quotes count for nothing.
3. In JSON the literals are JSON's own. Strings mean the same in both.
4. A string field takes text alone. Null is an absent field, in a list of strings an empty one.
5. A boolean field takes a boolean, or text: ``true t yes y 1`` or ``false f no n 0`` in any case.
6. A whole number is taken as a number, or as text in decimal with an optional sign. From 1.40 on text may have a
   fraction of zeros, an exponent or be hexadecimal, up to 2^53. A JSON number may be written ``1.0`` or ``1e2`` in
   both versions, up to 2^53.
7. A fractional number is taken as a number, or as text of one, hexadecimal, infinite, nan and blanks around it
   included.
8. An enum takes a name in any case, or a number, or the text of a whole number.
9. A duration is text: seconds with up to nine decimals and an ``s``.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from canarysim.manifests.document import Mapping, Scalar, Sequence
from canarysim.manifests.scalars import WrongType

if TYPE_CHECKING:
    from canarysim.manifests.document import Node

__all__ = [
    "is_null",
    "literal",
    "to_bool",
    "to_choice",
    "to_double",
    "to_nanoseconds",
    "to_python",
    "to_text",
    "to_whole",
]

#: What a scalar is before the type of its field is known: JSON's null, boolean, number or string.
Literal = bool | int | float | str | None

_NULL = frozenset(["", "~", "null", "Null", "NULL"])
_TRUE = frozenset(form for word in ("y", "yes", "true", "on") for form in (word, word.upper(), word.capitalize()))
_FALSE = frozenset(
    form for word in ("n", "no", "false", "off") for form in (word, word.upper(), word.capitalize())
)
_YAML_INT = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|(0[0-7]*)|([1-9][0-9]*))")
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_JSON_WORDS = {"null": None, "true": True, "false": False}

_TRUE_TEXT = frozenset(["true", "t", "yes", "y", "1"])
_FALSE_TEXT = frozenset(["false", "f", "no", "n", "0"])
_DECIMAL = re.compile(r"[-+]?[0-9]+")
_DOUBLE = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_HEXADECIMAL = re.compile(
    r"[-+]?0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)(?:[pP][-+]?[0-9]+)?", re.ASCII
)
_INFINITE = re.compile(r"([-+]?)(?:inf|infinity)", re.IGNORECASE)
_NAN = re.compile(r"[-+]?nan(?:\([0-9A-Za-z_]*\))?", re.IGNORECASE)
_DURATION = re.compile(r"(-?)([0-9]+)(?:\.([0-9]{1,9}))?s")

_MAX_EXACT = 2**53
_MAX_SECONDS = 315_576_000_000


def is_null(scalar: Scalar) -> bool:
    """Whether a scalar stands for an absent field."""
    return scalar.plain and scalar.text in _NULL and scalar.tag is None


def literal(scalar: Scalar, json: bool) -> Literal:
    """The scalar as a JSON value, from YAML or from JSON text (facts 2 and 3). Raises WrongType for neither."""
    text, tag = scalar.text, scalar.tag
    quoted = tag == "!" if tag is not None and not json else not scalar.plain
    if quoted:
        return text
    if json:
        if text in _JSON_WORDS:
            return _JSON_WORDS[text]
        found = _JSON_NUMBER.fullmatch(text)
        if found is None:
            raise WrongType(f"is no JSON value: {text}", f'quote it: "{text}"')
        return float(text) if found[1] or found[2] or text == "-0" else _integer(text)
    if tag is None and text in _NULL:
        return None
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    found = _YAML_INT.fullmatch(text) if len(text) <= 100 else None
    if found is None:
        return text
    value = int(found[2], 16) if found[2] else int(found[3], 8) if found[3] else int(found[4])
    value = -value if found[1] == "-" else value
    if not -(2**63) <= value < 2**63:
        return text
    return value if -(2**31) <= value < 2**31 else str(value)


def _integer(text: str) -> int | float:
    """A whole number; of one with very many digits only the size matters, which is infinite."""
    return int(text) if len(text) <= 40 else math.copysign(math.inf, -1 if text[0] == "-" else 1)


def to_text(scalar: Scalar, json: bool) -> str:
    """The text of a string field (fact 4)."""
    if scalar.plain or scalar.tag is not None:
        value = literal(scalar, json)
        if value is None:
            return ""
        if not isinstance(value, str):
            what = "a boolean" if isinstance(value, bool) else "a number"
            raise WrongType(
                f"must be a string, but unquoted {scalar.text} is {what} to Envoy", f'quote it: "{scalar.text}"'
            )
        return value
    return scalar.text


def to_bool(scalar: Scalar, json: bool) -> bool:
    """The value of a boolean field (fact 5)."""
    value = literal(scalar, json)
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        lower = value.lower()
        if lower in _TRUE_TEXT or lower in _FALSE_TEXT:
            return lower in _TRUE_TEXT
    raise WrongType(f"must be true or false, not {_shown(scalar)}", "write true or false")


def to_whole(scalar: Scalar, json: bool, envoy: str, low: int, high: int) -> int:
    """The value of an integer field from ``low`` to ``high`` (fact 6)."""
    value = literal(scalar, json)
    number: int | float | None = None
    if isinstance(value, str):
        number = _whole_text(value, envoy, low)
    elif value is not None and not isinstance(value, bool):
        number = value
        if isinstance(value, float) and not (value.is_integer() and abs(value) <= _MAX_EXACT):
            number = None
    if number is None:
        raise WrongType(f"must be a whole number, not {_shown(scalar)}", f"write a number from {low} to {high}")
    if not low <= number <= high:
        raise WrongType(f"is {scalar.text[:40]}, out of its range from {low} to {high}", "write one in that range")
    return int(number)


def _whole_text(text: str, envoy: str, low: int) -> int | float | None:
    if _DECIMAL.fullmatch(text) and not (text[0] == "-" and low >= 0):
        return _integer(text.lstrip("+-0").rjust(1, "0")) * (-1 if text[0] == "-" else 1)
    if envoy == "1.36" or text.strip() != text:
        return None
    value = _double(text)
    if value is None or not value.is_integer() or abs(value) > _MAX_EXACT:
        return None
    return int(value)


def to_double(scalar: Scalar, json: bool) -> float:
    """The value of a fractional field (fact 7)."""
    value = literal(scalar, json)
    if isinstance(value, str):
        found = _double(value.strip(" \t\n\v\f\r"))
        if found is not None:
            return found
    elif value is not None and not isinstance(value, bool):
        number = float(value)
        if math.isfinite(number):
            return number
    raise WrongType(f"must be a number, not {_shown(scalar)}", "write a number")


def _double(text: str) -> float | None:
    if _DOUBLE.fullmatch(text):
        return float(text)
    if _HEXADECIMAL.fullmatch(text):
        try:
            return float.fromhex(text)
        except OverflowError:
            return math.inf
    if found := _INFINITE.fullmatch(text):
        return -math.inf if found[1] == "-" else math.inf
    return math.nan if _NAN.fullmatch(text) else None


def to_choice(scalar: Scalar, json: bool, names: tuple[str, ...]) -> str:
    """The name of an enum's value (fact 8). Raises WrongType for a number without a name too."""
    value = literal(scalar, json)
    number: int | None = None
    if isinstance(value, str):
        upper = value.upper() if value.isascii() else value
        if upper in names:
            return upper
        stripped = value.strip(" \t\n\v\f\r")
        if _DECIMAL.fullmatch(stripped) and len(stripped) < 40:
            number = int(stripped)
    elif isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1:
        number = int(value) if math.isfinite(value) else None
    if number is not None and 0 <= number < len(names):
        return names[number]
    raise WrongType(
        f"must be one of the names of its values, not {_shown(scalar)}", f"write one of {', '.join(names)}"
    )


def to_nanoseconds(scalar: Scalar, json: bool) -> int:
    """A duration (fact 9) in nanoseconds."""
    value = literal(scalar, json)
    found = _DURATION.fullmatch(value) if isinstance(value, str) and len(value) < 40 else None
    if found is None or int(found[2]) > _MAX_SECONDS:
        raise WrongType(f"must be a duration, not {_shown(scalar)}", "write seconds with an s, as in 1.5s")
    nanoseconds = int(found[2]) * 10**9 + int((found[3] or "").ljust(9, "0"))
    return -nanoseconds if found[1] else nanoseconds


def to_python(node: Node, json: bool) -> Any:
    """A tree as Envoy keeps one whose shape is free, such as metadata: dicts, lists and JSON values.

    Numbers there are floats of 64 bits. Cost: O(size of the tree). Raises WrongType.
    """
    if isinstance(node, Scalar):
        value = literal(node, json)
        exact = isinstance(value, bool) or not isinstance(value, int) or abs(value) <= _MAX_EXACT
        return value if exact or value is None else float(value)
    if isinstance(node, Sequence):
        return [to_python(item, json) for item in node.items]
    assert isinstance(node, Mapping)
    return {key: to_python(value, json) for key, (_, value) in node.entries.items()}


def _shown(scalar: Scalar) -> str:
    text = scalar.text if len(scalar.text) <= 40 else scalar.text[:37] + "..."
    return text if scalar.plain and text else repr(text)
