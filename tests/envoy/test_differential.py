"""The same configuration, request and random value, asked of canarysim and of a real Envoy.

A run asks 40,000 decisions, with a fresh seed. ``pytest -m soak -s tests/envoy`` asks a million of 1.40 and
200,000 of 1.36 (``CANARYSIM_DECISIONS`` says otherwise), and prints how often each kind of condition was decisive.
"""

from __future__ import annotations

import os
from collections import Counter
from random import Random, SystemRandom
from typing import TYPE_CHECKING

import pytest

import canarysim as cs
from canarysim.testing import strategies

from .. import generate, gloo_sets
from .decisive import decisive
from .judge import Version
from .parity import Question, askable, disagreements
from .shrink import shrunk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: An Envoy is asked about so many tables at a time.
TABLES = 50
#: Decisions of a normal run: about generated manifests of Gloo; about sets of resources that delegate and have
#: options of their own, asked of the Envoy that Gloo ships; and about generated tables of any kind.
GLOO = {"1.36": 4_000, "1.40": 1_000}
SETS = 20_000
ANY = {"1.36": 5_000, "1.40": 10_000}
SOAK = {"1.36": 200_000, "1.40": 1_000_000}

Pairs = tuple[list[cs.RouteTable], list[list[Question]]]


def _seed() -> int:
    """Fresh in each run; the environment names one to repeat."""
    return int(os.environ.get("CANARYSIM_SEED") or SystemRandom().randrange(2**32))


def _of_gloo(random: Random, envoy: Version, requests: int) -> Pairs:
    documents = [generate.manifest(random) for _ in range(TABLES)]
    tables = [cs.loads(document, envoy=envoy) for document in documents]
    questions = []
    for table, document in zip(tables, documents, strict=True):
        asked = [generate.request(random, document) for _ in range(requests)]
        questions.append([(request, generate.random_value(random, table, request)) for request in asked])
    return tables, questions


def _of_sets(random: Random, envoy: Version, requests: int) -> Pairs:
    tables: list[cs.RouteTable] = []
    questions = []
    while len(tables) < TABLES:
        resources = gloo_sets.resources(random, wrong=random.random() < 0.3)
        try:
            table = cs.loads(gloo_sets.manifest(resources), envoy=envoy, errors="apply")
        except cs.ManifestError:
            continue  # nothing is served: options from two sides make a pair of rewrites that Envoy refuses
        asked = [gloo_sets.request(random, resources) for _ in range(requests)]
        tables.append(table)
        rows = [(request, generate.random_value(random, table, request)) for request in asked]
        questions.append([(request, value) for request, value in rows if askable(table, request)])
    return tables, questions


def _of_any(random: Random, envoy: Version, requests: int) -> Pairs:
    tables = [strategies._random_table(random, envoy=envoy) for _ in range(TABLES)]
    questions = []
    for table in tables:
        asked = [strategies._random_request(random, table) for _ in range(requests)]
        rows = [(r, strategies._random_value(random, table)) for r in asked if askable(table, r)]
        questions.append(rows)
    return tables, questions


def _rounds(decisions: int, requests: int) -> Iterator[int]:
    yield from range(0, decisions, TABLES * requests)


def _agree(seed: int, envoy: Version, tables: list[cs.RouteTable], questions: Sequence[list[Question]]) -> None:
    found = disagreements(envoy, tables, questions)
    if not found:
        return
    first = found[0].split(",")[0]
    text = f"CANARYSIM_SEED={seed}: {len(found)} of {sum(map(len, questions))} differ, the first:\n{found[0]}\n"
    number = int(first.removeprefix("table "))
    question = next(q for q in questions[number] if f"{q[0]} with random value {q[1]}:" in found[0])
    table, asked, said = shrunk(envoy, tables[number], question)
    pytest.fail(f"{text}\nThe smallest that still differs:\n{said}\n{cs.to_envoy(table)}\n{asked}")


def test_generated_virtual_services_decide_as_envoy_does(envoy: Version) -> None:
    seed = _seed()
    random = Random(seed)
    for _ in _rounds(GLOO[envoy], 20):
        _agree(seed, envoy, *_of_gloo(random, envoy, 20))


def test_generated_tables_decide_as_envoy_does(envoy: Version) -> None:
    seed = _seed()
    random = Random(seed)
    for _ in _rounds(ANY[envoy], 100):
        _agree(seed, envoy, *_of_any(random, envoy, 100))


def test_generated_sets_of_resources_decide_as_the_envoy_of_gloo_does() -> None:
    seed = _seed()
    random = Random(seed)
    for _ in _rounds(SETS, 40):
        _agree(seed, "1.36", *_of_sets(random, "1.36", 40))


@pytest.mark.soak
def test_a_great_many_decisions_are_those_of_envoy(envoy: Version) -> None:
    seed = _seed()
    random = Random(seed)
    asked = 0
    unknown = 0
    counts: Counter[tuple[str, str]] = Counter()
    wanted = int(os.environ.get("CANARYSIM_DECISIONS") or SOAK[envoy])
    while asked < wanted:
        tables, questions = (_of_gloo if random.random() < 0.2 else _of_any)(random, envoy, 500)
        _agree(seed, envoy, tables, questions)
        for table, rows in zip(tables, questions, strict=True):
            asked += len(rows)
            for request, _ in rows:
                decisive(table, request, counts)
                unknown += table.chances(request)[0][0].kind == "unknown"
        print(f"Envoy {envoy}: {asked:,} so far", flush=True)
    print(f"\nEnvoy {envoy}: {asked:,} decisions, none different; seed {seed}; {unknown:,} unknown here")
    for (kind, way), count in sorted(counts.items()):
        print(f"  {kind:40} {way:8} {count:>9,}")
    if asked >= 1_000_000:
        assert {key: count for key, count in counts.items() if count < 200} == {}
