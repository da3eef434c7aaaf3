"""The same configuration, request and random value, asked of canarysim and of a real Envoy."""

from __future__ import annotations

import os
from random import Random, SystemRandom

import canarysim as cs

from .. import generate
from .judge import Version
from .parity import Question, disagreements

#: How many Envoys are asked, each about so many tables, with so many requests a table.
ROUNDS = {"1.36": 4, "1.40": 1}
TABLES, REQUESTS = 50, 100


def _seed() -> int:
    """Fresh in each run; the environment names one to repeat."""
    return int(os.environ.get("CANARYSIM_SEED") or SystemRandom().randrange(2**32))


def test_generated_virtual_services_decide_as_envoy_does(envoy: Version) -> None:
    seed = _seed()
    random = Random(seed)
    for _ in range(ROUNDS[envoy]):
        tables: list[cs.RouteTable] = []
        questions: list[list[Question]] = []
        for _ in range(TABLES):
            document = generate.manifest(random)
            table = cs.loads(document, envoy=envoy)
            tables.append(table)
            asked = [generate.request(random, document) for _ in range(REQUESTS)]
            questions.append([(request, generate.random_value(random, table, request)) for request in asked])
        found = disagreements(envoy, tables, questions)
        assert not found, (
            f"CANARYSIM_SEED={seed}: {len(found)} of {TABLES * REQUESTS} differ, the first:\n{found[0]}"
        )
