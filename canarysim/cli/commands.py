"""The commands: each asks the library, hands the answers to a face, and says whether there are findings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from canarysim.answers.tables import tables_for
from canarysim.cli.inputs import Refused, read_requests, read_tables
from canarysim.cli.output import complain, say, say_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from fractions import Fraction

    from canarysim.answers.groups import By
    from canarysim.answers.simulate import Simulation
    from canarysim.cli.inputs import Asked
    from canarysim.problems import Problem
    from canarysim.request import Request
    from canarysim.table.decision import Decision
    from canarysim.table.route_table import RouteTable

    Tables = dict[str, RouteTable]
    Shares = tuple[tuple[Decision, Fraction], ...]

__all__ = ["run"]


def run(options: argparse.Namespace) -> bool | int:
    """Answers, and returns whether there is a finding, or the exit code of ``check``."""
    command: Callable[[argparse.Namespace], bool | int] = _COMMANDS[options.command]
    found = command(options)
    return found or getattr(options, "mistaken", False)


def _read(options: argparse.Namespace, *, needed: bool = True) -> tuple[Tables, list[Request]]:
    """Tables and requests, with warnings on standard error."""
    requests = [asked.request for asked in read_requests(options)]
    tables = read_tables(options)
    if needed and not requests:
        options.refuse("no request: give one such as 'GET /path name:value', or --requests FILE")
    _warn(_problems(tables))
    return tables, requests


def _problems(tables: Tables) -> tuple[Problem, ...]:
    return next(iter(tables.values())).problems  # every table has those of all manifests


def _warn(problems: Iterable[Problem]) -> None:
    problems = list(problems)
    if problems:
        from canarysim.faces.text import problems_text

        complain(problems_text(_merged(problems)) + "\n")


def _merged(problems: Sequence[Problem]) -> list[Problem]:
    """Notes that say the same once: a folder may hold hundreds of resources that are not read."""
    from collections import Counter

    import attrs

    from canarysim.problems import Severity

    notes = Counter(problem.message for problem in problems if problem.severity is Severity.INFO)
    merged = []
    for problem in problems:
        if problem.severity is Severity.INFO:
            times = notes.pop(problem.message, 0)
            if not times:
                continue
            if times > 1:
                problem = attrs.evolve(problem, message=f"{problem.message} ({times} times)")  # noqa: PLW2901
        merged.append(problem)
    return merged


def _pairs(tables: Tables, requests: Sequence[Request]) -> Iterator[tuple[str, RouteTable, Request]]:
    for name, table in tables.items():
        for request in requests:
            if name in tables_for(request, tables):
                yield name, table, request


def _show(blocks: Sequence[tuple[str, object]], tables: Tables) -> None:
    """Texts with a blank line between; where there are several tables, each says whose answer it is."""
    say("\n\n".join(f"{name}: {text}" if len(tables) > 1 else str(text) for name, text in blocks))


def _open(decisions: Iterable[Decision]) -> bool:
    return any(decision.unknown for decision in decisions)


# Commands


def _preview(options: argparse.Namespace) -> bool:
    from canarysim.answers.preview import preview

    tables, requests = _read(options, needed=False)
    if not requests:
        return _tables(options, tables, n=options.n, answers=[])
    answers = [(name, preview(table, asked, options.n)) for name, table, asked in _pairs(tables, requests)]
    if options.json:
        from canarysim.faces.json import document, preview_dict

        found = [{"table": name, **preview_dict(answer)} for name, answer in answers]
        say_json(document("preview", _problems(tables), n=options.n, answers=found, tables=[]))
    else:
        _show(answers, tables)
    return _open(outcome.decision for _, answer in answers for outcome in answer)


def _tables(options: argparse.Namespace, tables: Tables, **rest: Any) -> bool:
    """Whole tables, of preview without a request and of compile."""
    if options.json:
        from canarysim.faces.json import document
        from canarysim.faces.table_json import table_dict

        found = [table_dict(table) for table in tables.values()]
        say_json(document(options.command, _problems(tables), **rest, tables=found))
    else:
        say("\n\n".join(map(str, tables.values())))
    return any(map(_has_unknowns, tables.values()))


def _has_unknowns(table: RouteTable) -> bool:
    """Whether some decision of a table may be unknown, or a part of one."""
    from canarysim.table.actions import RouteAction

    return any(
        host.unknowns
        or any(
            route.unknowns
            or route.open_rewrites(table.behaviour)
            or any(matcher.why_unknown(table.behaviour) for matcher in route.match)
            or (isinstance(route.action, RouteAction) and any(d.unknowns for d in route.action.destinations))
            for route in host.routes
        )
        for host in table.virtual_hosts
    )


def _route(options: argparse.Namespace) -> bool:
    from fractions import Fraction

    from canarysim.errors import RandomValueNeeded

    tables, requests = _read(options)
    answers: list[tuple[str, Request, Shares, tuple[str, ...]]] = []
    for name, table, asked in _pairs(tables, requests):
        try:
            decision = table.route(asked, options.random_value, fault_value=options.fault_value)
            shares: Shares = ((decision, Fraction(1)),)
            values: tuple[str, ...] = ()
        except RandomValueNeeded as needed:
            shares, values = needed.shares, needed.values
        answers.append((name, asked, shares, values))
    if options.json:
        from canarysim.faces.json import document, route_dict

        value, fault = options.random_value, options.fault_value
        found = [{"table": name, **route_dict(asked, shares)} for name, asked, shares, _ in answers]
        say_json(document("route", _problems(tables), random_value=value, fault_value=fault, answers=found))
    else:
        from canarysim.faces.decision import decision_text, shares_text

        _show(
            [
                (
                    name,
                    decision_text(asked, shares[0][0])
                    if len(shares) == 1
                    else shares_text(asked, shares, _how(values)),
                )
                for name, asked, shares, values in answers
            ],
            tables,
        )
    return any(len(shares) > 1 or _open(decision for decision, _ in shares) for _, _, shares, _ in answers)


def _how(values: Sequence[str]) -> str:
    """Which values are needed, and how to give them."""
    names = {"random_value": "the random value", "fault_value": "what a fault draws"}
    given = " ".join(f"--{value.replace('_', '-')} N" for value in values)
    on = " and ".join(names[value] for value in values)
    return f"{on}: give {'one' if len(values) == 1 else 'both'} with {given}"


def _explain(options: argparse.Namespace) -> bool:
    from canarysim.answers.explain import explain

    tables, requests = _read(options)
    answers = [
        (name, explain(table, asked, options.random_value, fault_value=options.fault_value))
        for name, table, asked in _pairs(tables, requests)
    ]
    if options.json:
        from canarysim.faces.json import document, explanation_dict

        found = [{"table": name, **explanation_dict(answer)} for name, answer in answers]
        value, fault = options.random_value, options.fault_value
        say_json(document("explain", _problems(tables), random_value=value, fault_value=fault, answers=found))
    else:
        _show(answers, tables)
    return _open(decision for _, answer in answers for decision, _ in answer.decisions)


def _simulate(options: argparse.Namespace) -> bool:
    from canarysim.cli.mix import read_mix

    asked = read_requests(options)
    if options.traffic is not None:
        return _simulate_log(options, asked)
    if options.fields:
        options.refuse("--field names the fields of a log: give one with --traffic LOG")
    tables = read_tables(options)
    if not asked:
        options.refuse("no request: give one such as 'GET /path name:value', --requests FILE or --traffic LOG")
    mix = read_mix(asked)
    fitting = {
        name: table
        for name, table in tables.items()
        if all(name in tables_for(request, tables) for request in mix)
    }
    if not fitting:
        raise Refused(
            "the requests name http and https, which are different route tables here: "
            f"ask for each apart, or choose one with --table {' or '.join(tables)}"
        )
    _warn(_problems(tables))
    from canarysim.answers.simulate import simulate

    # Only counts are shown, and drawn as counts they cost nothing.
    answers = [
        (name, simulate(table, mix, options.n or 1000, rng=options.seed, keep="counts"))
        for name, table in fitting.items()
    ]
    if options.json:
        from canarysim.faces.json import document, simulation_dict

        found = [{"table": name, **simulation_dict(answer, mix, options.by)} for name, answer in answers]
        say_json(document("simulate", _problems(tables), seed=options.seed, log=None, answers=found))
    else:
        _show([(name, _counted(answer, options.by)) for name, answer in answers], tables)
    return _open(decision for _, answer in answers for decision in answer.outcomes)


def _counted(simulation: Simulation, by: By | None) -> object:
    if by is None:
        return simulation
    from canarysim.faces.groups import groups_text

    return groups_text(simulation, by)


def _simulate_log(options: argparse.Namespace, asked: Sequence[Asked]) -> bool:
    from canarysim.cli.log import read_log

    if asked:
        options.refuse("--traffic takes the requests of a log: give no others")
    if options.n is not None:
        options.refuse("--traffic takes all requests of a log: -n is for others")
    tables = read_tables(options)
    if len(tables) > 1:
        raise Refused(
            f"the manifests make {len(tables)} route tables, and a log is that of one listener: "
            f"choose it with --table {' or '.join(tables)}"
        )
    ((name, table),) = tables.items()
    _warn(_problems(tables))
    traffic = read_log(options, table)
    from canarysim.answers.simulate import simulate
    from canarysim.faces.log import left_out_text, not_found_text

    if text := left_out_text(traffic.log):
        complain(text + "\n")
    answer = simulate(table, traffic, rng=options.seed, keep="counts")
    if options.json:
        from canarysim.faces.json import document, log_dict, simulation_dict

        found = {"table": name, **simulation_dict(answer, {}, options.by)}
        log = log_dict(traffic.log)
        say_json(document("simulate", _problems(tables), seed=options.seed, log=log, answers=[found]))
    else:
        say("\n\n".join(filter(None, (str(_counted(answer, options.by)), not_found_text(answer)))))
    return bool(traffic.log.skipped or traffic.log.damage) or _open(answer.outcomes)


def _compile(options: argparse.Namespace) -> bool:
    options.requests = []
    if read_requests(options):
        options.refuse("compile takes no request; to see where one goes, use preview, route or explain")
    tables = read_tables(options)
    if options.output == "table":
        _warn(_problems(tables))
        return _tables(options, tables)
    if len(tables) > 1:
        raise Refused(
            f"the manifests make {len(tables)} route tables, and -o envoy prints one: "
            f"choose it with --table {' or '.join(tables)}"
        )
    _envoy(*tables.values(), as_json=options.json)
    return False


def _envoy(table: RouteTable, *, as_json: bool) -> None:
    from canarysim.errors import NotExportable
    from canarysim.manifests.envoy import to_envoy

    try:
        configuration = to_envoy(table)
    except NotExportable as error:
        _warn(problem for problem in table.problems if problem not in error.problems)
        raise
    _warn(table.problems)
    if as_json:
        say_json(configuration)
    else:
        from canarysim.cli.as_yaml import yaml_text

        say(yaml_text(configuration))


def _check(options: argparse.Namespace) -> int:
    """0 where all hold, 1 where a test fails or the coverage is too low, 2 where a test cannot be asked."""
    from canarysim.testing.checking import check

    report = check(
        *(options.inputs or ["."]),
        coverage=options.coverage or options.fail_under is not None,
        table=options.table,
        envoy=options.envoy,
        errors=options.errors,
    )
    problems = dict.fromkeys(problem for each in report.checked for problem in each.problems)
    _warn(problems)
    if options.json:
        from canarysim.faces.report_json import report_dict

        say_json(report_dict(report, options.fail_under))
    else:
        from canarysim.faces.report import report_text

        say(report_text(report, fail_under=options.fail_under))
    return 2 if report.errors else int(bool(report.failed) or report.is_below(options.fail_under))


def _schema(options: argparse.Namespace) -> bool:
    from canarysim.errors import UnknownName
    from canarysim.faces.schemas import SCHEMAS, schema

    if not options.inputs:
        say("\n".join(SCHEMAS))
        return False
    if len(options.inputs) > 1:
        options.refuse("one name at a time")
    if options.inputs[0] not in SCHEMAS:
        raise UnknownName("schema", options.inputs[0], SCHEMAS)
    say_json(schema(options.inputs[0]))
    return False


_COMMANDS = {
    "preview": _preview,
    "route": _route,
    "explain": _explain,
    "simulate": _simulate,
    "compile": _compile,
    "check": _check,
    "schema": _schema,
}
