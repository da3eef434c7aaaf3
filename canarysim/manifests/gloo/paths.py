"""Which paths Gloo lets through to Envoy.

Facts (source of Gloo 1.22, ValidateRoutePath and ValidatePrefixRewrite in gloo/pkg/translator):

1. The path of a prefix or exact matcher may be empty. Otherwise it consists of letters, digits, the characters
   ``/ : @ . _ ~ ! $ & ' ( ) * + , = ; -`` and escapes ``%XX``. Regexes are not checked this way.
2. It must not contain ``//``, ``/./``, ``/../``, ``%2f``, ``%2F`` or ``#``, nor end with ``/..`` or ``/.``.
3. A prefix rewrite may have a query and a fragment; what stands before them is decoded and checked by 1 and 2.
"""

from __future__ import annotations

import re

__all__ = ["why_bad_path", "why_bad_rewrite"]

_ALLOWED = re.compile(r"(?:[A-Za-z0-9/:@._~!$&'()*+,=;-]|%[0-9a-fA-F]{2})*")
_FORBIDDEN = ("//", "/./", "/../", "%2f", "%2F", "#")
_FORBIDDEN_ENDS = ("/..", "/.")
_BAD_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2})")


def why_bad_path(path: str) -> str | None:
    """What Gloo refuses in a path, or None where it takes it."""
    good = _ALLOWED.match(path)
    assert good is not None
    if good.end() < len(path):
        return f"the character {path[good.end()]!r} is not allowed"
    for text in _FORBIDDEN:
        if text in path:
            return f"{text!r} is not allowed"
    for text in _FORBIDDEN_ENDS:
        if path.endswith(text):
            return f"it must not end with {text!r}"
    return None


def why_bad_rewrite(rewrite: str) -> str | None:
    """What Gloo refuses in a prefix rewrite, or None where it takes it."""
    path = rewrite.partition("#")[0].partition("?")[0]
    if _BAD_ESCAPE.search(path):
        return "a % must be followed by two hexadecimal digits"
    if "%" in path:
        from urllib.parse import unquote

        path = unquote(path)
    return why_bad_path(path)
