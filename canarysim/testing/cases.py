"""Tests of routes as values: cases, each with requests and what is expected of them, and what became of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

import attrs

from canarysim.answers.tables import tables_for
from canarysim.errors import CanarysimError, InvalidValue, UnknownName
from canarysim.problems import Where
from canarysim.table.values import as_tuple
from canarysim.testing.judge import judge
from canarysim.testing.recording import tell
from canarysim.testing.splits import check_apart

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from fractions import Fraction

    from canarysim.request import Request
    from canarysim.table.decision import Decision
    from canarysim.table.route_table import RouteTable
    from canarysim.testing.expectations import Expectation
    from canarysim.testing.judge import Verdict

__all__ = ["Case", "Result", "Rules", "Trial"]

Status = Literal["passed", "failed", "error"]


class Rules(Protocol):
    """Rules of another tool, under which a case is judged."""

    def table(self, table: RouteTable) -> RouteTable:
        """The route table as that tool has it for the case."""


@attrs.frozen
class Case:
    """Requests, and what is expected of each of them.

    Every request is asked with every one of ``random_values``; None stands for all of them at once. ``splits`` are
    those among the expectations that make up a whole split. ``table`` names the route table, where the scheme and
    the host of the request do not tell it.
    """

    name: str
    requests: tuple[Request, ...] = attrs.field(converter=as_tuple)
    expectations: tuple[Expectation, ...] = attrs.field(converter=as_tuple)
    random_values: tuple[int | None, ...] = attrs.field(default=(None,), converter=as_tuple, kw_only=True)
    fault_value: int | None = attrs.field(default=None, kw_only=True)
    splits: tuple[tuple[Expectation, ...], ...] = attrs.field(default=(), converter=as_tuple, kw_only=True)
    table: str | None = attrs.field(default=None, kw_only=True)
    allow_unknown: bool = attrs.field(default=False, kw_only=True)
    rules: Rules | None = attrs.field(default=None, kw_only=True, eq=False)
    source: Where = attrs.field(default=Where(), kw_only=True, eq=False)

    def trials(self) -> Iterator[Trial]:
        """One for each request and random value."""
        for request in self.requests:
            for value in self.random_values:
                yield Trial(self, request, value)

    def __len__(self) -> int:
        return len(self.requests) * len(self.random_values)


@attrs.frozen
class Trial:
    """One request of a case, with one random value or with all of them."""

    case: Case
    request: Request
    random_value: int | None = None

    @property
    def label(self) -> str:
        """What tells it from the others of its case."""
        value = "" if self.random_value is None else f" with random value {self.random_value}"
        return f"{self.request}{value}"

    @property
    def name(self) -> str:
        """The case's name, and where it has several trials which one this is."""
        return self.case.name if len(self.case) == 1 else f"{self.case.name}[{self.label}]"

    def ready(self, tables: Mapping[str, RouteTable]) -> Ready:
        """Its table, and its expectations with full names.

        Raises UnknownName for a name that nothing bears, InvalidValue where several tables may be asked.
        """
        table = self._table(tables)
        if self.case.rules is not None:
            table = self.case.rules.table(table)
        return Ready(self, table, tuple(each.resolved(table) for each in self.case.expectations))

    def _table(self, tables: Mapping[str, RouteTable]) -> RouteTable:
        name = self.case.table
        if name is not None:
            if name not in tables:
                raise UnknownName("route table", name, tables)
            return tables[name]
        fitting = tables_for(self.request, dict(tables))
        schemes = {table.scheme for table in fitting.values()}
        asked = self.request.scheme
        if asked is not None and asked not in schemes:
            other = next(iter(schemes))
            raise InvalidValue(
                "no_such_listener",
                f"the request names {asked}, which nothing serves: {' and '.join(fitting)} takes {other} only; "
                f"write {other}, or choose it with table: {next(iter(fitting))}",
            )
        if len(fitting) > 1:
            hint = "write the scheme of the request, or " if len(schemes) > 1 else ""
            raise InvalidValue(
                "several_tables",
                f"{' and '.join(fitting)} may both be asked: {hint}choose one with "
                f"table: {next(iter(fitting))}, or with --table",
            )
        return next(iter(fitting.values()))

    def run(self, tables: Mapping[str, RouteTable]) -> Result:
        """What becomes of it. Never raises for a test that is wrong: that is a Result too."""
        try:
            verdict = self.ready(tables).judge()
        except CanarysimError as error:
            return self.refused(error, tables)
        return Result(self, "passed" if verdict.holds else "failed", verdict=verdict)

    def refused(self, error: CanarysimError, tables: Mapping[str, RouteTable]) -> Result:
        """The result where it cannot be asked; where only a name is wrong it says what becomes of the request."""
        found: tuple[tuple[Decision, Fraction], ...] = ()
        if isinstance(error, UnknownName) and error.kind != "route table":
            found = judge(self._table(tables), self.request, (), random_value=self.random_value).decisions
        return Result(self, "error", error=error, found=found)


@attrs.frozen
class Ready:
    """A trial whose table is found and whose names are resolved."""

    trial: Trial
    table: RouteTable = attrs.field(repr=False)
    expectations: tuple[Expectation, ...]

    def judge(self) -> Verdict:
        """Holds the expectations against the table, and tells whoever listens. Raises InvalidValue."""
        trial, case = self.trial, self.trial.case
        verdict = judge(
            self.table,
            trial.request,
            self.expectations,
            random_value=trial.random_value,
            fault_value=case.fault_value,
            allow_unknown=case.allow_unknown,
        )
        for split in case.splits:
            check_apart(verdict, [each.resolved(self.table) for each in split])
        tell(verdict)
        return verdict


@attrs.frozen
class Result:
    """What became of a trial. ``verdict`` is there where it was judged, ``error`` where it could not be.

    ``found`` is what becomes of the request where only a name that is expected is wrong.
    """

    trial: Trial
    status: Status
    verdict: Verdict | None = None
    error: CanarysimError | None = None
    found: tuple[tuple[Decision, Fraction], ...] = attrs.field(default=(), repr=False)
