"""The table of cases, asked of a real Envoy: of the version Gloo ships, and of 1.40 as that version."""

from __future__ import annotations

import canarysim as cs

from ..cases import CASES
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
