"""The functions of templates that depend on their arguments alone, and how values compare (inja_render.py).

Facts (Inja 3.4.0, and envoy-gloo's inja_transformer.cc; read in their sources):

1. Functions on texts count and change bytes, and know letters of ASCII only. A value of another type makes
   them fail, as does a conversion that is not possible.
2. ``substring`` beyond the end is empty, and a length of 0 or too large means to the end; what is no integer makes
   it empty. Base64 that is not canonical decodes to nothing.
3. Values of different types are not equal, but an integer may be equal to a float.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any

from canarysim.request import readable
from canarysim.table.inja_json import to_json

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FUNCTIONS", "Fails", "Unsimulated", "equal", "is_int", "is_number", "ordered", "text_of"]


class Fails(Exception):
    """The template cannot be rendered, which Envoy answers with 400; the argument says why."""


class Unsimulated(Exception):
    """What the template makes is not known offline; the argument says why."""


def is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def equal(first: Any, second: Any) -> bool:
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(equal, first, second))
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(equal(first[key], second[key]) for key in first)
    if is_number(first) and is_number(second):
        return bool(first == second)
    return type(first) is type(second) and bool(first == second)


def ordered(sign: str, first: Any, second: Any) -> bool:
    if not (is_number(first) and is_number(second)) and not (isinstance(first, str) and isinstance(second, str)):
        raise Unsimulated(f"{sign} of these values is not simulated")
    less, equal = first < second, first == second
    return bool({"<": less, "<=": less or equal, ">": not less and not equal, ">=": not less}[sign])


def text_of(value: Any) -> str:
    if not isinstance(value, str):
        raise Fails(f"a text is needed, not {readable(to_json(value))}")
    return value


def _length(value: Any) -> int:
    if isinstance(value, (str, list, dict)):
        return len(value)
    return 0 if value is None else 1


def _upper(value: Any) -> str:
    return text_of(value).encode("latin-1").upper().decode("latin-1")


def _lower(value: Any) -> str:
    return text_of(value).encode("latin-1").lower().decode("latin-1")


def _join(values: Any, separator: Any) -> str:
    if isinstance(values, dict):
        items: list[Any] = [values[key] for key in sorted(values)]
    else:
        items = values if isinstance(values, list) else [] if values is None else [values]
    texts = [item if isinstance(item, str) else to_json(item) for item in items]
    return text_of(separator).join(texts)


def _substring(value: Any, start: Any, length: Any = -1) -> str:
    text = text_of(value)
    if not is_int(start) or not is_int(length):
        return ""
    if not -(2**31) <= start < 2**31:
        raise Unsimulated("a start beyond 32 bits is not simulated")
    if start < 0 or start >= len(text):
        return ""
    return text[start:] if length <= 0 or start + length > len(text) else text[start : start + length]


def _base64_encode(value: Any) -> str:
    return base64.b64encode(text_of(value).encode("latin-1")).decode()


def _base64url_encode(value: Any) -> str:
    return base64.urlsafe_b64encode(text_of(value).encode("latin-1")).decode().rstrip("=")


def _base64_decode(value: Any) -> str:
    text = text_of(value)
    try:
        decoded = base64.b64decode(text.encode("latin-1"), validate=True).decode("latin-1")
    except binascii.Error:
        return ""
    return decoded if _base64_encode(decoded) == text else ""


def _base64url_decode(value: Any) -> str:
    text = text_of(value)
    if not re.fullmatch("[A-Za-z0-9_-]*", text) or len(text) % 4 == 1:
        return ""
    decoded = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("latin-1")
    return decoded if _base64url_encode(decoded) == text else ""


def _at_place(values: Any, place: Any) -> Any:
    if isinstance(values, dict):
        if text_of(place) not in values:
            raise Fails(f"there is no {readable(place)}")
        return values[place]
    if not isinstance(values, list) or not isinstance(place, (int, float)) or not 0 <= int(place) < len(values):
        raise Fails("at is for what a list or an object has")
    return values[int(place)]  # true is 1 here


def _end(place: int) -> Callable[[Any], Any]:
    def end(values: Any) -> Any:
        if values is None:
            raise Fails("null has no first and no last value")
        if isinstance(values, dict):
            values = [values[key] for key in sorted(values)]
        if not isinstance(values, list):
            return values
        if not values:
            raise Unsimulated("the first or last value of an empty list is not simulated")
        return values[place]

    return end


def _int(value: Any) -> int:
    found = re.match(r"[ \t\n\v\f\r]*([+-]?[0-9]+)", text_of(value))
    if not found or len(found[1].lstrip("+-0")) > 10 or not -(2**31) <= int(found[1]) < 2**31:
        raise Fails(f"{readable(value)} is no int")
    return int(found[1])


def _raw_string(value: Any) -> str:
    return to_json(text_of(value))[1:-1]


def _exists_in(values: Any, name: Any) -> bool:
    text = text_of(name)
    return isinstance(values, dict) and text in values


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "at": _at_place,
    "base64_decode": _base64_decode,
    "base64_encode": _base64_encode,
    "base64url_decode": _base64url_decode,
    "base64url_encode": _base64url_encode,
    "existsIn": _exists_in,
    "first": _end(0),
    "int": _int,
    "isArray": lambda value: isinstance(value, list),
    "isBoolean": lambda value: isinstance(value, bool),
    "isFloat": lambda value: isinstance(value, float),
    "isInteger": is_int,
    "isNumber": is_number,
    "isObject": lambda value: isinstance(value, dict),
    "isString": lambda value: isinstance(value, str),
    "join": _join,
    "last": _end(-1),
    "length": _length,
    "lower": _lower,
    "raw_string": _raw_string,
    "substring": _substring,
    "trim": lambda value: text_of(value).strip(" \t\n\v\f\r"),
    "upper": _upper,
}
