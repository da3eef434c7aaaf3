"""Answers as plain dicts, fit for JSON, as the schemas beside describe them.

Fields are named as the attributes they hold. Exact shares are floats, and beside them text such as ``"1/10"`` in
a field that ends in ``_fraction``. Text that came from requests is UTF-8 with other bytes and control characters
as escapes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from canarysim import __version__
from canarysim.request import octets, readable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from fractions import Fraction

    from canarysim.answers.explain import Explanation, Host, Step
    from canarysim.answers.groups import By
    from canarysim.answers.near import Hint, Near, Refusal
    from canarysim.answers.preview import Outcome, Preview
    from canarysim.answers.simulate import Observed, Simulation
    from canarysim.engine.access_log import LogReport
    from canarysim.problems import Problem, Where
    from canarysim.request import Request
    from canarysim.table.actions import Unknown
    from canarysim.table.chance import Chance, Residues
    from canarysim.table.decision import Decision
    from canarysim.table.faults import Faults
    from canarysim.table.routes import Route

__all__ = [
    "decision_dict",
    "document",
    "exact_dict",
    "explanation_dict",
    "faults_dict",
    "log_dict",
    "matched_dict",
    "place_dict",
    "preview_dict",
    "problem_dict",
    "request_dict",
    "route_dict",
    "simulation_dict",
    "unknown_dict",
]

Plain = dict[str, Any]


def document(command: str, problems: Iterable[Problem], **rest: Any) -> Plain:
    """What a command prints: who answers, what reading the manifests found, and ``rest``."""
    return {"canarysim": __version__, "command": command, "problems": list(map(problem_dict, problems)), **rest}


# Pieces


def exact_dict(name: str, value: Fraction) -> Plain:
    """A number as a float, and beside it as a fraction."""
    return {name: float(value), f"{name}_fraction": str(value)}


def _text(octets_: str | None) -> str | None:
    return None if octets_ is None else readable(octets_)


def place_dict(where: Where | None) -> Plain | None:
    """A Where."""
    if where is None:
        return None
    return {
        "file": readable(octets(where.file)),
        "line": where.line,
        "column": where.column,
        "path": where.path,
        "resource": where.resource,
    }


def problem_dict(problem: Problem) -> Plain:
    """A Problem."""
    return {
        "code": problem.code,
        "severity": str(problem.severity),
        "message": problem.message,
        "where": place_dict(problem.where),
        "hint": problem.hint,
    }


def request_dict(request: Request) -> Plain:
    """A Request, and as ``text`` what Request.parse reads."""
    return {
        "text": readable(octets(str(request))),
        "method": readable(octets(request.method)),
        "scheme": _text(request.scheme),
        "authority": readable(octets(request.authority)),
        "path": readable(octets(request.path)),
        "headers": _fields((octets(name), octets(value)) for name, value in request.headers),
    }


def _fields(headers: Iterable[tuple[str, str]]) -> list[list[str]]:
    return [[readable(name), readable(value)] for name, value in headers]


def matched_dict(route: Route | None) -> Plain | None:
    """The Route that matched."""
    if route is None:
        return None
    return {
        "index": route.index,
        "name": route.name,
        "origin": route.origin,
        "delegated_by": list(map(place_dict, route.delegated_by)),
        "match": list(map(str, route.match.conditions)),
        "source": place_dict(route.source),
    }


def decision_dict(decision: Decision) -> Plain:
    """A Decision: what happens, and ``outcome``, the same in a few words."""
    headers = decision.request_headers
    return {
        "kind": decision.kind,
        "outcome": readable(decision.outcome),
        "virtual_host": decision.virtual_host,
        "virtual_cluster": decision.virtual_cluster,
        "route": decision.route,
        "matched": matched_dict(decision.matched),
        "cluster": _text(decision.cluster),
        "function": decision.function,
        "subset": {} if decision.destination is None else dict(decision.destination.subset),
        "upstream": decision.upstream,
        "status": decision.status,
        "location": _text(decision.location),
        "mirrors": None if decision.mirrors is None else list(decision.mirrors),
        "path": _text(decision.path),
        "authority": _text(decision.authority),
        "request_headers": None if headers is None else _fields(headers),
        "upstream_request": _upstream_request(decision),
        "notes": list(decision.notes),
        "unknown": list(map(problem_dict, decision.unknown)),
        "open_parts": list(decision.open_parts),
        "source": place_dict(decision.source),
        "faults": faults_dict(decision.faults),
    }


def faults_dict(faults: Faults | None) -> Plain | None:
    """Settings of the fault filter."""
    if faults is None:
        return None
    abort, delay = faults.abort, faults.delay
    return {
        "abort": None if abort is None else {"status": abort.status, **exact_dict("share", abort.share)},
        "delay": None if delay is None else {"seconds": delay.seconds, **exact_dict("share", delay.share)},
        "unknowns": list(map(unknown_dict, faults.unknowns)),
        "source": place_dict(faults.source),
    }


def unknown_dict(unknown: Unknown) -> Plain:
    """What is not simulated, and the parts that it leaves open."""
    return {"problem": problem_dict(unknown.problem), "parts": list(unknown.parts)}


def _upstream_request(decision: Decision) -> Plain | None:
    sent = decision.upstream_request
    if sent is None:
        return None
    return {
        "method": _text(sent.method),
        "path": _text(sent.path),
        "authority": _text(sent.authority),
        "headers": None if sent.headers is None else _fields(sent.headers),
        "body": None if sent.body is None else readable(sent.body.decode("latin-1")),
        "refused": readable(octets(sent.refused)) or None,
        "unknown": list(map(problem_dict, sent.unknown)),
    }


# route


def route_dict(request: Request, shares: Sequence[tuple[Decision, Fraction]]) -> Plain:
    """The decision of a request; where it needs a random value, None and what may come of it."""
    settled = len(shares) == 1
    return {
        "request": request_dict(request),
        "decision": decision_dict(shares[0][0]) if settled else None,
        "shares": [] if settled else list(map(_share, shares)),
    }


def _share(pair: tuple[Decision, Fraction]) -> Plain:
    return {"decision": decision_dict(pair[0]), **exact_dict("share", pair[1])}


# preview


def preview_dict(preview: Preview) -> Plain:
    """A Preview."""
    return {
        "request": request_dict(preview.request),
        "n": preview.n,
        "outcomes": list(map(_outcome, preview)),
        "mirrored": [
            {
                "cluster": readable(cluster),
                **exact_dict("share", share),
                **exact_dict("expected", share * preview.n),
            }
            for cluster, share in preview.mirrored.items()
        ],
    }


def _outcome(outcome: Outcome) -> Plain:
    return {
        "kind": outcome.kind,
        "route": outcome.route,
        "cluster": _text(outcome.cluster),
        "function": outcome.function,
        "status": outcome.status,
        **exact_dict("share", outcome.share),
        **exact_dict("expected", outcome.expected),
        "low": outcome.low,
        "high": outcome.high,
        "coverage": outcome.coverage,
        "none": outcome.none,
        "calls_to_see": outcome.calls_to_see,
        "decision": decision_dict(outcome.decision),
    }


# explain


def explanation_dict(explanation: Explanation) -> Plain:
    """An Explanation."""
    return {
        "request": request_dict(explanation.request),
        "host": _host(explanation.host),
        "notes": list(explanation.notes),
        "steps": list(map(_step, explanation.steps)),
        "shared": [{"route": matched_dict(route), **_chance(chance)} for route, chance in explanation.shared],
        "winner": matched_dict(explanation.winner),
        "near": list(map(_near, explanation.near)),
        "shadowed": list(map(matched_dict, explanation.shadowed)),
        "decisions": list(map(_share, explanation.decisions)),
        "chances": [
            {"outcome": readable(decision.outcome), **_chance(chance)} for decision, chance in explanation.chances
        ],
        "open_problems": list(map(problem_dict, explanation.open_problems)),
        "dropped": list(map(problem_dict, explanation.dropped)),
        "hints": list(map(_hint, explanation.hints)),
    }


def _host(host: Host) -> Plain:
    return {
        "authority": _text(host.authority),
        "virtual_host": None if host.virtual_host is None else host.virtual_host.name,
        "domain": None if host.rule is None else host.rule.domain,
        "rule": None if host.rule is None else host.rule.kind,
        "domains": list(host.domains),
        "hints": list(map(_hint, host.hints)),
    }


def _step(step: Step) -> Plain:
    return {
        "route": matched_dict(step.route),
        "refusals": list(map(_refusal, step.refusals)),
        "others_hold": step.others_hold,
    }


def _refusal(refusal: Refusal) -> Plain:
    return {"condition": str(refusal.condition), "view": refusal.condition.view.name, "saw": refusal.saw}


def _near(near: Near) -> Plain:
    return {
        "route": matched_dict(near.route),
        "refusals": list(map(_refusal, near.refusals)),
        "held": near.held,
        "common": near.common,
        "after": near.after,
        "hints": list(map(_hint, near.hints)),
    }


def _hint(hint: Hint) -> Plain:
    return {
        "code": hint.code,
        "text": hint.text,
        "request": None if hint.request is None else request_dict(hint.request),
        "taken_by": matched_dict(hint.taken_by),
    }


def _chance(chance: Chance) -> Plain:
    return {
        "conditions": _conditions(chance.conditions),
        "fault_conditions": _conditions(chance.fault),
        **exact_dict("share", chance.share),
    }


def _conditions(conditions: Iterable[Residues]) -> list[Plain]:
    return [
        {"modulus": condition.modulus, "intervals": [list(interval) for interval in condition.intervals]}
        for condition in conditions
    ]


# simulate


def simulation_dict(simulation: Simulation, mix: Mapping[Request, Fraction], by: By | None) -> Plain:
    """A Simulation of a mix, or without one of a log: each outcome, and with ``by`` the groups too."""
    from canarysim.answers.groups import outcome_name  # whoever has a simulation has imported it
    from canarysim.faces.log import SHOWN

    figures = simulation.observed
    return {
        "n": simulation.n,
        "requests": [
            {"request": request_dict(asked), **exact_dict("share", share)} for asked, share in mix.items()
        ],
        "outcomes": [
            _observed_outcome(outcome_name(decision), decision, row)
            for decision, row in zip(simulation.outcomes, figures, strict=True)
        ],
        "mirrored": [
            {"cluster": readable(cluster), "count": count} for cluster, count in simulation.mirrored().items()
        ],
        "not_found": [
            {"request": request_dict(asked), "count": count}
            for asked, count in simulation.examples(SHOWN, kind="not_found").items()
        ],
        "by": by,
        "groups": [] if by is None else [{"name": row.name, **_observed(row)} for row in simulation.ranges(by)],
    }


def log_dict(report: LogReport) -> Plain:
    """What was read of an access log."""
    return {
        "name": readable(octets(report.name)),
        "format": report.format,
        "read": report.read,
        "skipped": report.skipped,
        "first_skipped": [
            {"line": row.line, "reason": readable(octets(row.reason)), "text": readable(octets(row.text))}
            for row in report.first_skipped
        ],
        "fields": {column: readable(octets(field)) for column, field in report.fields.items()},
        "absent": list(report.absent),
        "damage": report.damage or None,
    }


def _observed_outcome(name: str, decision: Decision, row: Observed) -> Plain:
    return {
        "outcome": readable(name),
        "kind": decision.kind,
        "virtual_host": decision.virtual_host,
        "route": decision.route,
        "origin": None if decision.matched is None else decision.matched.origin,
        "cluster": _text(decision.cluster),
        "function": decision.function,
        "status": decision.status,
        "source": place_dict(decision.source),
        "unknown": list(map(problem_dict, decision.unknown)),
        **_observed(row),
    }


def _observed(row: Observed) -> Plain:
    return {
        "count": row.count,
        "share": row.share,
        **exact_dict("exact", row.exact),
        **exact_dict("expected", row.expected),
        "low": row.low,
        "high": row.high,
        "coverage": row.coverage,
        "approximate": row.approximate,
        "outside": row.outside,
    }
