"""JSON as Envoy's library (nlohmann/json 3.11) reads and writes it, with texts as octets.

Facts (its documentation and sources):

1. Strict JSON in UTF-8, of which a byte order mark at the beginning is no part. No lone surrogates, no NaN. An
   integer beyond 64 bits is read as a float, and a float that is too large is an error. Of equal keys the last
   counts.
2. Written without blanks, keys sorted by their bytes; only quotes, backslashes and control characters are escaped.
   What is not UTF-8 cannot be written.
3. Floats are written with the fewest digits that tell them, as ``1.5``, ``2.0``, or ``1e+15`` from that size on.
"""

from __future__ import annotations

import json
from typing import Any

from canarysim.request import octets

__all__ = ["NoJson", "TooPrecise", "from_json", "to_json"]


class NoJson(Exception):
    """The text is no JSON, or a value cannot be written as JSON."""


class TooPrecise(Exception):
    """A float with so many digits that the library may write it otherwise."""


def from_json(text: str) -> Any:
    """The value of a JSON text, which is octets, as are its texts. Raises NoJson, or RecursionError."""
    try:
        decoded = text.encode("latin-1").decode("utf-8").removeprefix("\ufeff")
        value = json.loads(decoded, parse_int=_int, parse_float=_float, parse_constant=_refuse)
        return _in_octets(value)
    except ValueError as error:
        raise NoJson(str(error)) from None


def _int(text: str) -> int | float:
    value = int(text)
    return value if -(2**63) <= value < 2**64 else _float(text)


def _float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"{text} is too large")
    return value


def _refuse(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")


def _in_octets(value: Any) -> Any:
    if isinstance(value, str):
        return octets(value.encode("utf-8").decode("utf-8"))  # raises for a lone surrogate
    if isinstance(value, list):
        return [_in_octets(item) for item in value]
    if isinstance(value, dict):
        return {_in_octets(key): _in_octets(item) for key, item in value.items()}
    return value


def to_json(value: Any) -> str:
    """A value as JSON text, in octets. Raises NoJson for texts that are not UTF-8, and TooPrecise."""
    if isinstance(value, float):
        return _float_text(value)
    if isinstance(value, str):
        try:
            text = value.encode("latin-1").decode("utf-8")
        except UnicodeDecodeError:
            raise NoJson("a text is not UTF-8") from None
        return octets(json.dumps(text, ensure_ascii=False))
    if isinstance(value, list):
        return f"[{','.join(map(to_json, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{to_json(key)}:{to_json(value[key])}' for key in sorted(value))}}}"
    return json.dumps(value)


def _float_text(value: float) -> str:
    """Fact 3."""
    text = repr(value)
    mantissa, _, exponent = text.partition("e")
    digits = mantissa.lstrip("-").replace(".", "").strip("0")
    if len(digits) > 15:
        raise TooPrecise(text)
    if not exponent and abs(value) >= 1e15:
        sign = "-" if value < 0 else ""
        return f"{sign}{digits[0]}{'.' + digits[1:] if digits[1:] else ''}e+15"
    return text
