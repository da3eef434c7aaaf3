"""Random changes of headers."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from canarysim.table.mutations import AppendAction, HeaderMutations, HeaderToAdd, Mutations
from canarysim.testing.strategies.pools import MUTATED, MUTATED_IN_RESPONSES
from canarysim.testing.strategies.rewrites import header_format

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canarysim.testing.strategies.choices import Choices

__all__ = ["mutations"]

_ACTIONS: tuple[AppendAction, ...] = get_args(AppendAction)


def mutations(choices: Choices) -> Mutations:
    """What one level changes: mostly in requests."""
    return Mutations(
        _changes(choices, MUTATED),
        _changes(choices, MUTATED_IN_RESPONSES) if choices.chance(25) else HeaderMutations(),
    )


def _changes(choices: Choices, names: Sequence[str]) -> HeaderMutations:
    return HeaderMutations(
        [choices.part(lambda choices: _added(choices, names)) for _ in range(choices.pick((1, 1, 2, 3, 0)))],
        choices.sample(names, 2, 25),
    )


def _added(choices: Choices, names: Sequence[str]) -> HeaderToAdd:
    return HeaderToAdd(
        choices.pick(names),
        header_format(choices),
        choices.pick(_ACTIONS),
        keep_empty_value=choices.chance(20),
    )
