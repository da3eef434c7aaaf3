"""The table of cases, asked of a real Envoy: of the version Gloo ships, and of 1.40 as that version."""

from __future__ import annotations

import canarysim as cs

from .. import envoy_cases
from ..cases import CASES
from ..test_hosts import DOMAINS
from .judge import Version
from .parity import disagreements


def test_envoy_decides_every_case_as_the_table_does(envoy: Version) -> None:
    manifests = list(dict.fromkeys(case.manifest for case in CASES))
    tables = [cs.loads(manifest, envoy=envoy) for manifest in manifests]
    questions = [
        [(case.request, case.random_value) for case in CASES if case.manifest == manifest]
        for manifest in manifests
    ]
    assert disagreements(envoy, tables, questions) == []


def test_envoy_decides_every_case_of_its_own_configuration(envoy: Version) -> None:
    groups: dict[str, list[envoy_cases.EnvoyCase]] = {}
    for case in envoy_cases.CASES:
        if envoy in case.versions:
            groups.setdefault(f"{case.configuration} {case.http}", []).append(case)
    tables = [cs.from_envoy(cases[0].configuration, envoy=envoy, http=cases[0].http) for cases in groups.values()]
    assert disagreements(envoy, tables, [[(case.request, 0) for case in cases] for cases in groups.values()]) == []


def test_envoy_looks_hosts_up_without_their_port(envoy: Version) -> None:
    configuration = envoy_cases.domains_table([*DOMAINS, "*"], ignore_port_in_host_matching=True)
    questions = [(cs.Request("/", authority=host), 0) for host in envoy_cases.HOSTS_WITHOUT_PORT]
    assert disagreements(envoy, [cs.from_envoy(configuration, envoy=envoy)], [questions]) == []


def test_envoy_picks_by_a_header_as_the_table_does(envoy: Version) -> None:
    table = cs.from_envoy(envoy_cases.picked_by_header(), envoy=envoy)
    questions = [(envoy_cases.pick(value), 0) for value in envoy_cases.PICKS if value.strip() == value]
    assert disagreements(envoy, [table], [[*questions, (envoy_cases.pick("7", "7"), 0)]]) == []
