"""The search: one value for each piece of a request, so that some conditions hold and earlier routes refuse it.

How it goes. The values proposed for a piece are put into classes: those that no condition in question tells apart
are one, and the cheapest stands for them. What the route asks strikes out classes; then, from the cheapest
request on, the cheapest first, one piece is changed wherever a known earlier route would take the request, to a
class that this route refuses. All requests that classes can make are reached so. The table is then asked. If it
says that another earlier route takes the request, that route is known from then on, with the texts it names, and
the search begins again: so most routes of a large table are never looked at.

What is not said here is not decided here: conditions are asked by the table's own ``verdict``, on requests that
the table has seen.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

import attrs

from canarysim.table.actions import RouteAction
from canarysim.table.chance import EVERY, NEVER, Chance
from canarysim.table.routes import verdict
from canarysim.testing.seeking.offers import offers
from canarysim.testing.seeking.pieces import HOST, LISTENER, PATH, Maker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from canarysim.request import Request
    from canarysim.table.hosts import VirtualHost
    from canarysim.table.http import Seen
    from canarysim.table.matchers import Matcher
    from canarysim.table.route_table import Found, RouteTable
    from canarysim.table.routes import Route
    from canarysim.testing.seeking.offers import Offer
    from canarysim.testing.seeking.pieces import Key

__all__ = ["Goal", "chance_of", "seek"]

#: Earlier routes that are looked at, requests that are tried with the same ones, and steps of a search.
_ROUNDS = 40
_TRIES = 24
_STEPS = 400
#: Proposals for each piece that are looked at first, which mostly will do, and at all.
_FEW = 28
_MANY = 2000

_Looks = dict[tuple["Key", Any], "Seen | None"]


def chance_of(route: Route, table: RouteTable) -> Chance:
    """The random values for which a route takes what it matches; NEVER where the runtime leaves it nothing."""
    fraction, action = route.match.runtime_fraction, route.action
    if isinstance(action, RouteAction) and action.under(table.runtime) is None:
        return NEVER
    return EVERY if fraction is None else Chance.of(fraction.residues(table.runtime))


@attrs.frozen
class Goal:
    """A request that comes to a place in the routes of a host, where ``holding`` hold and ``refusing`` does not.

    ``fits`` is asked besides, where there is more to ask of what the table finds.
    """

    table: RouteTable
    host: VirtualHost
    place: int
    holding: tuple[Matcher, ...]
    refusing: Matcher | None = None
    fits: Callable[[Found], bool] = lambda _: True

    @property
    def asked(self) -> tuple[Matcher, ...]:
        """The conditions in question: what is to be refused first."""
        return (*(() if self.refusing is None else (self.refusing,)), *self.holding)

    def wanted(self, condition: Matcher) -> bool | None:
        """What the answer of a condition has to be; None where it does not matter."""
        if condition is self.refusing:
            return False
        return True if any(condition is one for one in self.holding) else None

    def misses(self, request: Request, places: Mapping[int, int]) -> list[int] | None:
        """The earlier routes that keep the request from the place; [] where it comes there, None where it would
        not do.
        """
        found = self.table.find(request)
        if found.host is not self.host or found.seen.refused is not None or found.needs_tls:
            return None
        earlier = []
        for branch in found.branches:
            place = self.place if branch.route is None else places[id(branch.route)]
            if place >= self.place:
                break
            earlier.append(place)
            if branch.problems:
                return earlier
        envoy = self.table.behaviour
        if any(verdict(condition, found.seen, envoy) is not self.wanted(condition) for condition in self.asked):
            return earlier or None
        left = chance_of(self.host.routes[self.place], self.table)
        for place in earlier:
            left &= _rest(chance_of(self.host.routes[place], self.table))
        if not left.share:
            return earlier or None
        return [] if self.fits(found) else None


def _rest(chance: Chance) -> Chance:
    """The random values that a route leaves to the next."""
    return Chance.of(*(~residues for residues in chance.conditions)) if chance.conditions else NEVER


def seek(goal: Goal, maker: Maker, places: Mapping[int, int]) -> Request | None:
    """The plainest request found; None without one. ``places`` are those of the routes, by their ids.

    Cost: milliseconds, bounded.
    """
    known: list[int] = []
    looks: _Looks = {}
    for few in (_FEW, _MANY):
        request = _sought(goal, maker, places, known, looks, few)
        if request is not None:
            return request
    return None


def _sought(
    goal: Goal, maker: Maker, places: Mapping[int, int], known: list[int], looks: _Looks, few: int
) -> Request | None:
    """The same with the first ``few`` proposals for each piece."""
    for _ in range(_ROUNDS):
        routes = [goal.host.routes[place] for place in known]
        conditions = [*goal.asked, *(condition for route in routes for condition in route.match)]
        maker = maker.fit(conditions)
        board = _board(goal, maker, conditions, looks, few)
        new = None
        for number, request in enumerate(_requests(goal, maker, board, routes) if board is not None else ()):
            blockers = goal.misses(request, places)
            if blockers == []:
                return request
            new = [place for place in blockers or () if place not in known]
            if new or number >= _TRIES:
                break
        if not new:
            return None
        known += new
    return None


@attrs.frozen
class _Class:
    """Values of a piece that no condition tells apart: the cheapest, and the answers of the conditions."""

    value: Any
    cost: float
    answers: dict[int, bool | None]


_Board = dict["Key", list[_Class]]


def _board(goal: Goal, maker: Maker, conditions: Sequence[Matcher], looks: _Looks, few: int) -> _Board | None:
    """The classes of each piece that can be a part of a solution; None where a piece has none."""
    by_key: dict[Key, list[Matcher]] = {HOST: [], PATH: []}
    if goal.host.require_tls:
        by_key[LISTENER] = []
    for condition in conditions:
        asked = by_key.setdefault(maker.key(condition), [])
        if not any(one is condition for one in asked):
            asked.append(condition)
    base: dict[Key, Any] = {}
    board: _Board = {}
    for key in sorted(by_key, key=lambda key: (key != HOST, key != LISTENER)):
        asked = by_key[key]
        proposed = sorted(offers(maker, key, asked, goal.refusing), key=lambda offer: offer.cost)[:few]
        classes = _classes(goal, maker, key, asked, proposed, base, looks)
        if not classes:
            return None
        board[key] = classes
        if key in (HOST, LISTENER):
            base[key] = classes[0].value
    return board


def _classes(
    goal: Goal,
    maker: Maker,
    key: Key,
    asked: Sequence[Matcher],
    offers: Sequence[Offer],
    base: Mapping[Key, Any],
    looks: _Looks,
) -> list[_Class]:
    envoy = goal.table.behaviour
    wanted = [goal.wanted(condition) for condition in asked]
    cheapest: dict[tuple[bool | None, ...], Offer] = {}
    for offer in offers:
        if cheapest and not asked:
            break  # nothing tells the others apart
        seen = _look(goal, maker, key, offer.value, base, looks)
        if seen is None:
            continue
        answers = []
        for condition, want in zip(asked, wanted, strict=True):
            answer = verdict(condition, seen, envoy)
            if want is not None and answer is not want:
                break
            answers.append(answer)
        else:
            cheapest.setdefault(tuple(answers), offer)
    return [
        _Class(value, cost, {id(one): answer for one, answer in zip(asked, answers, strict=True)})
        for answers, (value, cost) in cheapest.items()
    ]


def _look(
    goal: Goal,
    maker: Maker,
    key: Key,
    value: Any,
    base: Mapping[Key, Any],
    looks: _Looks,
) -> Seen | None:
    """The plainest request with this value as the table sees it; None where it is not even compared."""
    name = (key, repr(value) if key[0] == "metadata" else value)
    if name not in looks:
        request = maker.request({**base, key: value})
        if key in (HOST, LISTENER):
            found = goal.table.find(request)
            right = found.host is goal.host and (key == HOST or not found.needs_tls)
            seen = found.seen if right else None
        else:
            seen = goal.table.see(request)
        looks[name] = None if seen is None or seen.refused is not None else seen
    return looks[name]


def _requests(goal: Goal, maker: Maker, board: _Board, routes: Sequence[Route]) -> Iterator[Request]:
    """Requests that all these routes refuse, or leave some random values of; about the cheapest first."""
    keys = list(board)
    # For each route and piece the classes that it refuses.
    refused: list[dict[int, frozenset[int]]] = []
    for route in routes:
        by_piece = {}
        for number, key in enumerate(keys):
            asked = [id(condition) for condition in route.match if id(condition) in board[key][0].answers]
            by_piece[number] = frozenset(
                at for at, one in enumerate(board[key]) if any(one.answers[each] is False for each in asked)
            )
        refused.append({number: classes for number, classes in by_piece.items() if classes})
    chances = [chance_of(route, goal.table) for route in routes]
    own = chance_of(goal.host.routes[goal.place], goal.table)
    start = (0,) * len(keys)
    queue = [(sum(board[key][0].cost for key in keys), start)]
    met = {start}
    for _ in range(_STEPS):
        if not queue:
            return
        _, state = heappop(queue)
        takers = [
            number
            for number, by_piece in enumerate(refused)
            if not any(state[piece] in classes for piece, classes in by_piece.items())
        ]
        left = own
        for number in takers:
            left &= _rest(chances[number])
        if left.share:
            yield maker.request({key: board[key][at].value for key, at in zip(keys, state, strict=True)})
            # Where the pieces were not as independent as they looked, a neighbour may do.
            moves = [(piece, at) for piece, key in enumerate(keys) for at in range(len(board[key]))]
        else:
            moves = [(piece, at) for number in takers for piece, some in refused[number].items() for at in some]
        for piece, at in moves:
            after = (*state[:piece], at, *state[piece + 1 :])
            if after not in met:
                met.add(after)
                heappush(queue, (sum(board[key][one].cost for key, one in zip(keys, after, strict=True)), after))
