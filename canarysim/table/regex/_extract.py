"""What one group of a pattern takes of a text that matches as a whole.

Facts
1. Of the ways to match all of a text the one is taken that Perl prefers, and RE2 and ECMAScript with it
   (_replace.py, fact 3). A group that took no part in it has the empty text.

It is a replacement (_replace.py) by the group, of the pattern between the ends of the text. The other groups
are given a number that no rewrite can name, so that a group may have any number here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarysim.table.regex._program import LAST_GROUP
from canarysim.table.regex._replace import prepare
from canarysim.table.regex._syntax import Alternate, Assertion, Concat, Empty, Group, Repeat

if TYPE_CHECKING:
    from canarysim.table.regex._replace import Replacer
    from canarysim.table.regex._syntax import Encoding, Node

__all__ = ["prepare_extraction"]


def prepare_extraction(tree: Node, group: int, encoding: Encoding) -> Replacer | str:
    r"""What replaces a whole text by ``\1``, the group, or one sentence on why nothing does."""
    body = _only(tree, group)
    parts = body.parts if isinstance(body, Concat) else () if isinstance(body, Empty) else (body,)
    return prepare(Concat((Assertion("begin_text"), *parts, Assertion("end_text"))), 1, encoding)


def _only(node: Node, group: int) -> Node:
    """The tree with one group numbered 1, and the others out of the way."""
    if isinstance(node, Group):
        return Group(_only(node.body, group), 1 if node.index == group else LAST_GROUP + 1, None)
    if isinstance(node, Concat):
        return Concat(tuple(_only(part, group) for part in node.parts))
    if isinstance(node, Alternate):
        return Alternate(tuple(_only(option, group) for option in node.options))
    if isinstance(node, Repeat):
        return Repeat(_only(node.body, group), node.min, node.max, node.greedy)
    return node
