"""What a route looks at besides its conditions: headers, cookies and query parameters of formats and hashes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from canarysim.table.actions import RouteAction
from canarysim.table.hash_policies import CookieHash, HeaderHash, QueryParameterHash
from canarysim.table.templates import FormatRewrite
from canarysim.testing.strategies.pools import VALUES, VALUES_OF

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

    from canarysim.table.formats import FormatString
    from canarysim.table.hosts import VirtualHost
    from canarysim.table.mutations import Mutations
    from canarysim.table.route_table import RouteTable
    from canarysim.table.routes import Route
    from canarysim.testing.strategies.choices import Choices
    from canarysim.testing.strategies.drafts import Draft

__all__ = ["Read", "name_reads", "reads"]

#: A kind of thing, and its name as a request has it.
Read = tuple[Literal["header", "cookie", "query"], str]


def reads(table: RouteTable, host: VirtualHost, route: Route) -> tuple[Read, ...]:
    """What changes of headers, rewrites and hashes look at or change, each once."""
    found = dict.fromkeys(_reads(table, host, route))
    return tuple(one for one in found if one[1] and one[1][0] != ":" and one[1] != "host")


def _reads(table: RouteTable, host: VirtualHost, route: Route) -> Iterator[Read]:
    action = route.action
    for level in (table, host, route):
        yield from _of_mutations(level.mutations)
    if isinstance(action, RouteAction):
        for destination in action.destinations:
            yield from _of_mutations(destination.mutations)
        if isinstance(action.path_rewrite, FormatRewrite):
            yield from _of_format(action.path_rewrite.format)
        rewrite = action.host_rewrite
        if rewrite is not None and rewrite.format is not None:
            yield from _of_format(rewrite.format)
        elif rewrite is not None and rewrite.header is not None:
            yield "header", rewrite.header.lower()
        for policy in action.hash_policies:
            source = policy.source
            if isinstance(source, HeaderHash):
                yield "header", source.name.lower()
            elif isinstance(source, CookieHash):
                yield "cookie", source.name
            elif isinstance(source, QueryParameterHash):
                yield "query", source.name


def _of_mutations(changes: Mutations | None) -> Iterator[Read]:
    if changes is None:
        return
    for name in changes.request.removed:
        yield "header", name
    for added in changes.request.add:
        yield "header", added.key
        yield from _of_format(added.value)


def _of_format(text: FormatString) -> Iterator[Read]:
    for command in text.commands:
        if command.name in ("REQ", "REQUEST_HEADER", "STREAM_INFO_REQ"):
            for name in command.argument.split("?"):
                yield "header", name.lower()
        elif command.name == "QUERY_PARAM":
            yield "query", command.argument


def name_reads(choices: Choices, draft: Draft, named: Sequence[Read], asked: Container[str]) -> None:
    """Gives a request what is looked at, where no condition asks for it."""
    for kind, name in named:
        if not choices.chance(65):
            continue
        if kind == "query":
            if not any(piece.partition("=")[0] == name for piece in draft.queries):
                draft.queries.append(f"{name}={choices.pick(VALUES_OF['query'])}")
        elif kind == "cookie":
            if not any(piece.startswith(f"{name}=") for pieces in draft.cookies for piece in pieces):
                draft.cookies.append([f"{name}={choices.pick(VALUES_OF['cookies'])}"])
        elif name not in asked and draft.values(name) is None:
            value = choices.pick(VALUES_OF.get(name, VALUES))
            draft.set(name, choices.pick(((value,), (value,), (value,), (value, "b"), ("",))))
