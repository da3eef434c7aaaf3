"""From ``headerManipulation`` to what changes headers.

Facts (source of Gloo 1.22, gloo/pkg/plugins/headers):

1. Names that begin with a colon, and ``host``, are an error where they are added. So are names to add to requests
   with other characters than letters, digits and ``!#$%&'*+.^_`|~-``, and a header to add to responses without
   ``header``. Names to remove are not checked, but by Envoy.
2. ``append: false`` overwrites, anything else appends.
3. One error in it, and none of it is applied.
4. Values are format strings of Envoy's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from canarysim.errors import InvalidValue
from canarysim.manifests.gloo.resources import Effect, has_effect

if TYPE_CHECKING:
    from canarysim.manifests.fields import Record
    from canarysim.table.mutations import HeaderMutations, HeaderToAdd, Mutations

__all__ = ["NAME", "mutations"]

#: What Gloo takes for the name of a header.
NAME = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"


def mutations(options: Record | None) -> Mutations | None:
    """What the options of a route, a virtual host or a weighted destination change in headers; None if nothing."""
    told: Record | None = None if options is None else options.get("headerManipulation")
    if told is None or not any(told.values.values()):
        return None
    from canarysim.table.mutations import Mutations

    problems = len(told.reader.problems)
    found = Mutations(_one_side(told, "request"), _one_side(told, "response"))
    return found if len(told.reader.problems) == problems else None


def _one_side(told: Record, side: str) -> HeaderMutations:
    from canarysim.table.mutations import HeaderMutations

    name = f"{side}HeadersToRemove"
    added = [each for record in told.get(f"{side}HeadersToAdd", ()) if (each := _added(record, side)) is not None]
    try:
        return HeaderMutations(added, told.get(name, ()))
    except InvalidValue as wrong:
        has_effect(told, told.wrong(wrong, name), Effect.REFUSED)
        return HeaderMutations()


def _added(record: Record, side: str) -> HeaderToAdd | None:
    from canarysim.table.formats import FormatString
    from canarysim.table.mutations import HeaderToAdd

    header: Record | None = record.get("header")
    if header is None:
        if record.lacks("header", "headerSecretRef"):
            record.report("no_header", "a header to add has no header", None, "add header: {key: ..., value: ...}")
        return None
    key: str = header.get("key", "")
    if side == "request" and not key.startswith(":") and not re.fullmatch(NAME, key):
        if "key" in header or header.lacks("key"):
            header.report("bad_header_name", f"{key!r} is no name of a header", "key", "add key:")
        return None
    try:
        value = FormatString(header.get("value", ""))
        action: Any = "APPEND_IF_EXISTS_OR_ADD" if record.get("append", True) else "OVERWRITE_IF_EXISTS_OR_ADD"
        return HeaderToAdd(key, value, action)
    except InvalidValue as wrong:
        named = wrong.code == "bad_header_name"
        problem = header.wrong(wrong, "key" if named else "value")
        if not named or not (key.startswith(":") or key.lower() == "host"):
            has_effect(header, problem, Effect.REFUSED)
        return None
