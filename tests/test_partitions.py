"""A log in partitions, decided by workers that know nothing of each other: the example notebooks/partitions.py."""

from __future__ import annotations

import gc
import gzip
import json
import os
import pickle
import random
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import canarysim as cs
from canarysim.answers.groups import BY, outcome_name
from notebooks import partitions as example
from notebooks.logs import write_access_log as log_of_the_shop

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
SIZES = (700, 1, 3000, 450, 2000)
BAD = "[2026-11-28 17:38:10.955][12][info][main] starting"


@pytest.fixture(scope="module")
def table() -> cs.RouteTable:
    return cs.load(ROOT / "notebooks" / "repository" / "manifests")


def rows(n: int, seed: int) -> list[dict[str, Any]]:
    source = random.Random(seed)
    paths = ("/", "/checkout/pay", "/checkout/cart", "/catalog/books/{}", "/catalog/search?q={}", "/books/{}")
    return [
        {
            "path": source.choice(paths).format(source.randrange(300)),
            "method": source.choice(("GET", "POST")),
            "authority": source.choice(("books.example", "www.books.example", "shop.example")),
            "x_canary": source.choice((None, None, "true", "True")),
        }
        for _ in range(n)
    ]


def logs_in(folder: Path, sizes: tuple[int, ...] = SIZES) -> list[str]:
    """A gzip log for each size, each with a row that is none."""
    found = []
    for number, size in enumerate(sizes):
        lines = [*map(json.dumps, rows(size, number)), BAD]
        found.append(str(folder / f"access-{number}.log.gz"))
        Path(found[-1]).write_bytes(gzip.compress("\n".join(lines).encode()))
    return found


def whole(logs: list[str], folder: Path) -> str:
    """All of some logs in one file: members of gzip follow each other."""
    file = folder / "whole.log.gz"
    file.write_bytes(b"".join(gzip.compress(gzip.decompress(Path(log).read_bytes()) + b"\n") for log in logs))
    return str(file)


def in_process(table: cs.RouteTable, files: list[str], seed: int) -> example.Answer:
    seeds = example.seeds_of(files, seed)
    return example.total(example.decide(file, each, table=table) for file, each in zip(files, seeds, strict=True))


def test_the_log_of_the_shop_is_what_its_script_writes() -> None:
    committed = gzip.decompress((ROOT / "notebooks/logs/access.log.gz").read_bytes()).decode()
    assert committed.splitlines() == log_of_the_shop.lines()


def test_given_random_values_partitions_give_the_numbers_of_the_whole_and_of_each_request_alone(
    table: cs.RouteTable, tmp_path: Path
) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    asked = rows(sum(SIZES), 7)
    values = np.random.default_rng(7).integers(0, 2**64, len(asked), np.uint64)
    frame = pa.table(
        {
            "path": [row["path"] for row in asked],
            "method": [row["method"] for row in asked],
            "authority": [row["authority"] for row in asked],
            "header x-canary": pa.array([row["x_canary"] for row in asked], pa.string()),
            "random_values": values,
            "duration": list(range(len(asked))),
        }
    )
    files, start = [], 0
    for number, size in enumerate(SIZES):
        files.append(str(tmp_path / f"{number}.parquet"))
        parquet.write_table(frame.slice(start, size), files[-1])
        start += size

    answer, left_out = in_process(table, files, seed=1)

    assert left_out == 0
    one_piece = cs.simulate(table, cs.Traffic.from_arrow(frame, columns=table.columns_needed))
    assert answer.to_dict() == one_piece.to_dict()
    assert all(answer.counts(by) == one_piece.counts(by) for by in BY)
    alone = Counter(
        outcome_name(table.route(request_of(row), random_value=int(value)))
        for row, value in zip(asked, values, strict=True)
    )
    assert {name: count for name, count in answer.counts("outcome").items() if count} == alone


def request_of(row: dict[str, Any]) -> cs.Request:
    headers = {} if row["x_canary"] is None else {"x-canary": row["x_canary"]}
    return cs.Request(row["path"], method=row["method"], authority=row["authority"], headers=headers)


def test_what_is_drawn_for_partitions_has_the_distribution_of_the_whole(
    table: cs.RouteTable, tmp_path: Path
) -> None:
    logs = logs_in(tmp_path)

    answer, left_out = in_process(table, logs, seed=1)

    traffic = cs.Traffic.from_access_log(whole(logs, tmp_path), columns=table.columns_needed)
    one_piece = cs.simulate(table, traffic)
    assert (answer.n, left_out) == (sum(SIZES), len(SIZES)) == (one_piece.n, traffic.log.skipped)
    for by in BY:  # all that is no chance: composition, exact shares, ranges
        expected = one_piece.ranges(by)
        found = answer.ranges(by)
        assert [(o.name, o.exact, o.low, o.high) for o in found] == [
            (o.name, o.exact, o.low, o.high) for o in expected
        ]
        assert all(o.count == o.low for o in found if o.low == o.high)
    # Of the rest, the split of the canary: a right program fails this for one seed in a million.
    everybody = {str(outcome.cluster): count for outcome, count in outcomes_of(answer, "everybody")}
    cs.assert_split_observed(
        everybody,
        {"checkout-v2_checkout": "30%", "checkout-v1_checkout": "70%"},
        false_alarm=1e-6,
    )


def outcomes_of(answer: Any, route: str) -> Iterator[tuple[cs.Decision, int]]:
    for outcome, row in zip(answer.outcomes, answer.observed, strict=True):
        if outcome.matched is not None and outcome.matched.origin.endswith(route):
            yield outcome, row.count


def test_partitions_draw_for_themselves_whoever_works_on_them_and_when(
    table: cs.RouteTable, tmp_path: Path
) -> None:
    logs = logs_in(tmp_path)
    seeds = example.seeds_of(logs, 5)
    backwards = [example.decide(log, seed, table=table) for log, seed in [*zip(logs, seeds, strict=True)][::-1]]
    assert example.total(backwards[::-1]).simulation.to_dict() == in_process(table, logs, 5)[0].to_dict()
    assert example.total(backwards).simulation.counts() == in_process(table, logs, 5)[0].counts()
    # The same log ten times: if all had drawn alike, the numbers would be ten times those of one.
    copies = [logs[2]] * 10
    drawn = [
        example.decide(log, seed, table=table).simulation.counts()["checkout-v2_checkout"]
        for log, seed in zip(copies, example.seeds_of(copies, 5), strict=True)
    ]
    assert len(set(drawn)) > 1


def test_chunks_of_a_partition_change_nothing(
    table: cs.RouteTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (log,) = logs_in(tmp_path, (3000,))
    at_once = example.decide(log, 3, table=table)
    monkeypatch.setattr(example, "CHUNK_ROWS", 170)
    in_chunks = example.decide(log, 3, table=table)
    assert in_chunks.simulation.to_dict() == at_once.simulation.to_dict()
    assert in_chunks.left_out == at_once.left_out == 1


def test_a_partition_without_rows_adds_nothing_and_one_that_is_no_log_is_told(
    table: cs.RouteTable, tmp_path: Path
) -> None:
    logs = logs_in(tmp_path, (30, 40))
    empty, wrong = tmp_path / "empty.log", tmp_path / "wrong.log"
    empty.write_text("")
    wrong.write_text("oops\n")
    answer, left_out = in_process(table, [*logs, str(empty)], 1)
    assert (answer.n, left_out) == (70, 2)
    assert answer.to_dict() == in_process(table, logs, 1)[0].to_dict()
    with pytest.raises(cs.InvalidValue, match=r"wrong\.log: none of 1 rows"):
        in_process(table, [*logs, str(wrong)], 1)


def test_little_travels(table: cs.RouteTable, tmp_path: Path) -> None:
    few, many = (
        len(pickle.dumps(example.decide(log, 1, table=table))) for log in logs_in(tmp_path, (400, 20_000))
    )
    assert many < 1.1 * few
    assert many < 50_000
    assert len(pickle.dumps(table)) < 20_000


# A cluster


def plans_and_tables() -> tuple[int, int]:
    """How many tables that were made ready there are in this process, and how many route tables."""
    from canarysim.engine.plan import Plan
    from canarysim.table.route_table import RouteTable

    gc.collect()
    there = gc.get_objects()
    return sum(type(each) is Plan for each in there), sum(type(each) is RouteTable for each in there)


@pytest.mark.filterwarnings("default")  # the cluster's machinery has warnings of its own
def test_workers_of_a_cluster_answer_as_this_process_does_and_each_makes_the_table_ready_once(
    table: cs.RouteTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distributed = pytest.importorskip("distributed", reason="pip install 'canarysim[cluster]'")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]))
    monkeypatch.chdir(tmp_path)
    logs = logs_in(tmp_path, (300, 500, 1, 800, 20, 600, 700, 90))
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        answer, left_out = example.on_a_cluster(client, table, logs, seed=1)
        again, _ = example.on_a_cluster(client, table, logs, seed=1)
        made = client.run(plans_and_tables)
    expected = in_process(table, logs, seed=1)
    assert answer.to_dict() == again.to_dict() == expected.simulation.to_dict()
    assert left_out == expected.left_out == len(logs)
    assert len(made) == 2
    assert all(plans <= 1 == tables for plans, tables in made.values()), made
    assert any(plans for plans, _ in made.values())
