"""Views: each names one text of a request that a condition looks at, and shows it.

``get`` is a pure function of the request as the router sees it; ``show`` is its value for a person. Repeated and
merged headers, path parameters and cut-off ports are the business of views, never of the tests.

Facts (Envoy documentation of RouteMatch; each run on 1.36.4 and 1.40.0, see tests/envoy):

1. Path matchers see the path up to the first ``?`` or ``#``, without path parameters where those are ignored.
   URI templates see it with them.
2. The query is what follows the first ``?``; it is split at ``&``, each piece at its first ``=``, nothing is
   decoded; the first piece with the name counts, empty pieces do not.
3. Cookies of all ``cookie`` headers count, the first of each name. They are split at ``;`` and at the first
   ``=``; blanks before a piece are cut, and a pair of quotes around the value. A piece without ``=`` is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from canarysim.request import readable

if TYPE_CHECKING:
    from canarysim.table.http import Seen

__all__ = ["HeaderView", "PathView", "QueryView", "View"]


class View:
    """One text of the request. Values are hashable: equal ones need to be judged once only."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """What a person calls it: ``path``, ``header x-canary``."""
        raise NotImplementedError

    def get(self, seen: Seen) -> Any:
        """What the request shows; None where there is nothing to look at."""
        raise NotImplementedError

    def show(self, value: Any) -> str:
        """The value in words."""
        return "missing" if value is None else repr(readable(value))


@attrs.frozen
class PathView(View):
    """The path without query, after what the connection manager did to it: a str; empty for CONNECT."""

    name: ClassVar[str] = "path"

    def get(self, seen: Seen) -> str:
        return seen.match_path


@attrs.frozen
class HeaderView(View):
    """The values of one header, as a tuple of str, or None where it is missing."""

    header: str

    @property
    def name(self) -> str:
        return "method" if self.header == ":method" else f"header {readable(self.header)}"

    def get(self, seen: Seen) -> tuple[str, ...] | None:
        return seen.header(self.header)

    def show(self, value: Any) -> str:
        return "missing" if value is None else ", ".join(repr(readable(text)) for text in value)


@attrs.frozen
class QueryView(View):
    """The first value of one query parameter, or None where it is missing."""

    key: str

    @property
    def name(self) -> str:
        return f"query parameter {readable(self.key)}"

    def get(self, seen: Seen) -> str | None:
        return seen.query.get(self.key)
