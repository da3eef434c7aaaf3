"""A running Envoy's account of its configuration, read, decides as that Envoy does."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import attrs

import canarysim as cs

from .. import generate
from .judge import Judge, Version
from .parity import RANDOM_VALUE, configuration, differences, raw

if TYPE_CHECKING:
    from pathlib import Path

LISTENERS, REQUESTS = 3, 334


def test_a_config_dump_decides_as_the_envoy_it_was_taken_from(envoy: Version, tmp_path: Path) -> None:
    random = Random(11)
    documents = [generate.manifest(random) for _ in range(LISTENERS)]
    originals = [attrs.evolve(cs.loads(document, envoy=envoy), scheme="http") for document in documents]
    asked = [[generate.request(random, document) for _ in range(REQUESTS)] for document in documents]
    clusters: set[str] = set()
    for table, rows in zip(originals, asked, strict=True):
        clusters |= {d.cluster for request in rows for d, _ in table.chances(request) if d.cluster}
    dump = tmp_path / "dump.json"
    different = []
    tables_of_envoy = [configuration(table) for table in originals]
    with Judge(envoy, tables_of_envoy, clusters=sorted(clusters)) as judge:
        dump.write_text(judge.config_dump())
        tables = cs.load_all(dump, envoy=envoy)
        assert sorted(tables) == [f"table {number}" for number in range(LISTENERS)]
        for number, rows in enumerate(asked):
            table = tables[f"table {number}"]
            assert table.clusters is not None
            questions = [(r, generate.random_value(random, originals[number], r)) for r in rows]
            verdicts = judge.ask(number, [raw(table, *question) for question in questions])
            for (request, value), verdict in zip(questions, verdicts, strict=True):
                headers = [*request.headers, (RANDOM_VALUE, str(value))]
                target, method, host = request.path, request.method, request.authority
                same = cs.Request(target, method=method, authority=host, headers=headers)
                if found := differences(table.route(same), verdict):
                    different.append((number, str(request), value, found))
    assert different == []
