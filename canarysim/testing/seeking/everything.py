"""Conditions that no ordinary request can miss.

An ordinary request is one that HTTP/1 carries, with a path of printable ASCII; CONNECT is none. What is said here
is sound where it says yes; a no may be a yes that was not seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarysim.table import regex
from canarysim.table.conditions import RuntimeFraction, TlsContextMatcher
from canarysim.table.matchers import HeaderMatcher, PathPrefix, PathRegex
from canarysim.table.metadata import MetadataMatcher
from canarysim.table.regex._syntax import Alternate, Assertion, CharClass, Concat, Empty, Group, Literal, Repeat
from canarysim.table.strings import StringMatcher
from canarysim.testing.seeking.pieces import KNOWN_METHODS

if TYPE_CHECKING:
    from canarysim.table.matchers import Matcher
    from canarysim.table.regex._syntax import Node
    from canarysim.table.route_table import RouteTable

__all__ = ["takes_everything"]

#: What is there in every request when routes are matched.
_ALWAYS = frozenset([":method", ":path", ":authority", ":scheme", "x-forwarded-proto", "x-request-id"])


def takes_everything(table: RouteTable, condition: Matcher) -> bool:
    """Whether a condition holds for every ordinary request that comes to it.

    Sound where True: the prefix ``/``, a regex such as ``/.*``, presence of a header that every request has, a
    fraction of all. False says that no reason was seen. Cost: O(condition).
    """
    if condition.why_unknown(table.behaviour) is not None:
        return False
    if isinstance(condition, PathPrefix):
        return condition.prefix in ("", "/")
    if isinstance(condition, PathRegex):
        return _takes_paths(_tree(condition.regex, table))
    if isinstance(condition, HeaderMatcher):
        return _takes_headers(condition, table)
    if isinstance(condition, TlsContextMatcher):
        tests = ("none", "presented", "validated") if table.scheme == "https" else ("none",)
        return all(map(condition.test(table.behaviour), tests))
    if isinstance(condition, MetadataMatcher):
        return condition.invert and condition.value.asks == "never"
    if isinstance(condition, RuntimeFraction):
        return condition.residues(table.runtime).share == 1
    return False


def _tree(pattern: str, table: RouteTable) -> Node:
    return regex.compile(pattern, table.behaviour.regex_encoding).tree


def _takes_headers(condition: HeaderMatcher, table: RouteTable) -> bool:
    holds = condition.test(table.behaviour)
    name = condition.view.header
    if name == ":method":
        return all(holds((method,)) for method in KNOWN_METHODS)
    if name == ":scheme":
        return all(holds((scheme,)) for scheme in ("http", "https"))
    if condition.value is None:
        return bool(holds(("",))) and (name in _ALWAYS or bool(holds(None)))
    asks = condition.value
    if condition.invert or not isinstance(asks, StringMatcher) or asks.kind != "safe_regex":
        return False
    if name == ":path":
        return _takes_paths(_tree(asks.value, table))
    if name not in _ALWAYS and not condition.missing_as_empty:
        return False
    return _takes_texts(_tree(asks.value, table))


# Regular expressions, by their shape


def _takes_texts(node: Node) -> bool:
    """Whether it matches every text of printable ASCII and blanks, the empty one included."""
    match node:
        case Group():
            return _takes_texts(node.body)
        case Alternate():
            return any(map(_takes_texts, node.options))
        case Repeat():
            if node.max is None and not node.min and _takes_characters(node.body):
                return True
            return node.min <= 1 and _takes_texts(node.body)
        case Concat():
            parts = _without_edges(node.parts)
            return all(map(_may_be_empty, parts)) and any(map(_takes_texts, parts))
    return False


def _takes_paths(node: Node) -> bool:
    """Whether it matches every text that begins with a slash."""
    match node:
        case Group():
            return _takes_paths(node.body)
        case Alternate():
            return any(map(_takes_paths, node.options))
        case Repeat():
            if node.max is None and node.min <= 1 and _takes_characters(node.body):
                return True
            return node.min <= 1 and _takes_paths(node.body)
        case Concat():
            parts = _without_edges(node.parts)
            if parts and parts[0] == Literal("/"):
                rest = parts[1:]
                return bool(rest) and all(map(_may_be_empty, rest)) and any(map(_takes_texts, rest))
            if len(parts) == 1:
                return _takes_paths(parts[0])
            return all(map(_may_be_empty, parts)) and any(map(_takes_paths, parts))
    return False


def _without_edges(parts: tuple[Node, ...]) -> tuple[Node, ...]:
    """Without what says that the text begins and ends there, which it does."""
    if parts and parts[0] == Assertion("begin_text"):
        parts = parts[1:]
    if parts and parts[-1] == Assertion("end_text"):
        parts = parts[:-1]
    return parts


def _may_be_empty(node: Node) -> bool:
    match node:
        case Empty():
            return True
        case Group():
            return _may_be_empty(node.body)
        case Repeat():
            return not node.min or _may_be_empty(node.body)
        case Alternate():
            return any(map(_may_be_empty, node.options))
        case Concat():
            return all(map(_may_be_empty, node.parts))
    return False


def _takes_characters(node: Node) -> bool:
    """Whether it is one character, whichever of printable ASCII; and the tab, which a header may have."""
    if isinstance(node, Group):
        return _takes_characters(node.body)
    if not isinstance(node, CharClass):
        return False
    return all(any(low <= code <= high for low, high in node.ranges) for code in (9, *range(0x20, 0x7F)))
