"""Traffic from access logs and from Arrow data, against what reads them without making traffic of them."""

from __future__ import annotations

import gzip
import json
import random
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]
import pyarrow.json as pj  # type: ignore[import-untyped,unused-ignore]
import pytest

from benchmarks.conftest import Goal
from canarysim.engine.traffic import Column, Traffic

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.conftest import Compare

LINES = 1_000_000
ROWS = 10_000_000
PART = 20
"""The standard library reads a twentieth of the lines; its time is scaled up."""

COLUMNS = ("path", "method", "authority", "header user-agent")
FIELDS = ("path", "method", "authority", "user_agent")
WRONG = "[2026-11-28 17:38:10.955][12][info][main] starting main dispatch loop"


def rows(n: int, distinct: int) -> Iterator[dict[str, Any]]:
    """What Istio's default format logs: few paths are asked for often, many seldom."""
    source = random.Random(1)
    kinds = ("pets", "users", "orders", "cart")
    paths = [f"/api/v1/{source.choice(kinds)}/{number}" for number in range(distinct)]
    agents = [f"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/{major}.0.0.0" for major in range(60)]
    for number, path in enumerate(source.choices(paths, [1 / (rank + 1) for rank in range(distinct)], k=n)):
        yield {
            "start_time": f"2026-02-24T10:{number // 60_000 % 60:02}:{number // 1000 % 60:02}.{number % 1000:03}Z",
            "route_name": "default",
            "method": source.choice(("GET", "GET", "GET", "POST")),
            "path": path,
            "protocol": "HTTP/1.1",
            "response_code": 200,
            "response_flags": "-",
            "response_code_details": "via_upstream",
            "connection_termination_details": None,
            "bytes_received": 0,
            "bytes_sent": source.randrange(10_000),
            "duration": source.randrange(100),
            "upstream_service_time": "3",
            "x_forwarded_for": None,
            "user_agent": source.choice(agents),
            "request_id": f"{source.getrandbits(128):032x}",
            "authority": source.choice(("shop.example", "api.shop.example")),
            "upstream_host": "10.244.1.5:8000",
            "upstream_cluster": "outbound|8000||petstore",
            "upstream_local_address": "127.0.0.6:44444",
            "downstream_local_address": "10.244.1.5:8000",
            "downstream_remote_address": f"10.244.1.3:{source.randrange(30_000, 60_000)}",
            "requested_server_name": None,
            "upstream_transport_failure_reason": None,
        }


def text(row: dict[str, Any]) -> str:
    """The same in Envoy's default format."""
    return (
        '[{start_time}] "{method} {path} {protocol}" {response_code} - 0 {bytes_sent} {duration} 3 '
        '"-" "{user_agent}" "{request_id}" "{authority}" "{upstream_host}"'
    ).format(**row)


def write(file: Path, lines: Iterator[str]) -> Path:
    with gzip.open(file, "wt", compresslevel=6, encoding="utf-8") as log:
        log.writelines(f"{line}\n" for line in lines)
    return file


def one_core() -> Any:
    return pj.ReadOptions(use_threads=False)


def only_fields() -> Any:
    schema = pa.schema([(field, pa.string()) for field in FIELDS])
    return pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")


def by_lines(log: Path, lines: int) -> list[tuple[Any, ...]]:
    with gzip.open(log) as file:
        parsed = (json.loads(line) for _, line in zip(range(lines), file, strict=False))
        return [tuple(map(row.get, FIELDS)) for row in parsed]


@pytest.mark.parametrize("distinct", [20_000, 1_000_000], ids=lambda distinct: f"{distinct:,} paths")
def test_a_json_log(compare: Compare, tmp_path: Path, distinct: int) -> None:
    n = compare.size(LINES)
    distinct = min(distinct, n)
    log = write(tmp_path / "log.gz", (json.dumps(row, separators=(",", ":")) for row in rows(n, distinct)))
    traffic = Traffic.from_access_log(log, columns=COLUMNS)
    assert (traffic.n, traffic.log.skipped) == (n, 0)

    def whole(**options: Any) -> Any:
        with pa.input_stream(log, compression="gzip") as file:
            data = file.read()
        return pj.read_json(pa.BufferReader(data), read_options=one_core(), **options)

    def streamed() -> Any:
        with pa.input_stream(log, compression="gzip") as file:
            return pj.read_json(file, read_options=one_core(), parse_options=only_fields())

    compare(
        f"a gzip log of {n:,} JSON lines, {distinct:,} paths",
        lambda: Traffic.from_access_log(log, columns=COLUMNS),
        {
            "gunzip, then read_json": whole,
            "... of the four fields": lambda: whole(parse_options=only_fields()),
            "read_json of the gzip stream, the four fields": streamed,
            "json.loads a line": (lambda: by_lines(log, n // PART), 1 / PART),
        },
        (Goal("gunzip, then read_json", at_most=1.3), Goal("... of the four fields", at_most=1.3)),
    )


def test_a_json_log_with_other_lines_between(compare: Compare, tmp_path: Path) -> None:
    """One line in a thousand is none of the log: every block has some."""
    n = compare.size(LINES // 5)
    lines = [json.dumps(row, separators=(",", ":")) for row in rows(n, 20_000)]
    clean = write(tmp_path / "clean.gz", iter(lines))
    mixed = write(
        tmp_path / "mixed.gz", (WRONG if number % 1000 == 7 else line for number, line in enumerate(lines))
    )
    assert Traffic.from_access_log(mixed, columns=COLUMNS).log.skipped == sum(at % 1000 == 7 for at in range(n))
    compare(
        f"a gzip log of {n:,} lines, one in a thousand no JSON",
        lambda: Traffic.from_access_log(mixed, columns=COLUMNS),
        {"the same without": lambda: Traffic.from_access_log(clean, columns=COLUMNS)},
    )


ROUTED = """
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {name: api, namespace: gloo-system}
spec:
  virtualHost:
    routes:
    - matchers: [{regex: "/api/v1/pets/[0-9]+"}]
      routeAction: {single: {upstream: {name: pets}}}
    - matchers: [{prefix: /api/v1/orders, headers: [{name: user-agent, value: ".*Chrome/1.*", regex: true}]}]
      routeAction:
        multi:
          destinations:
          - {weight: 30, destination: {upstream: {name: v2}}}
          - {weight: 70, destination: {upstream: {name: v1}}}
    - matchers: [{prefix: /api/v1/orders}]
      routeAction: {single: {upstream: {name: v1}}}
"""


def test_a_log_becomes_a_split_in_one_command(compare: Compare, tmp_path: Path) -> None:
    """Both sides are new processes that read the manifest; the other one stops when the log is read.

    The unfriendly case: half of the requests find no route, thousands of different ones.
    """
    n = compare.size(LINES)
    log = write(tmp_path / "log.gz", (json.dumps(row, separators=(",", ":")) for row in rows(n, 20_000)))
    manifest = tmp_path / "routes.yaml"
    manifest.write_text(ROUTED)
    reader = (
        f"import canarysim as cs; table = cs.load({str(manifest)!r}); "
        f"cs.Traffic.from_access_log({str(log)!r}, columns=table.columns_needed)"
    )
    command = ["-m", "canarysim", "simulate", str(manifest), "--traffic", str(log), "--json"]

    def run(*arguments: str) -> str:
        return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True).stdout

    answer = json.loads(run(*command))["answers"][0]
    lost = sum(outcome["count"] for outcome in answer["outcomes"] if outcome["kind"] == "not_found")
    assert answer["n"] == n
    assert 0.3 * n < lost < 0.7 * n
    compare(
        f"canarysim simulate --traffic, {n:,} lines, half find no route",
        lambda: run(*command),
        {"Traffic.from_access_log": lambda: run("-c", reader)},
        (Goal("Traffic.from_access_log", at_most=1.3),),
    )


def test_a_text_log(compare: Compare, tmp_path: Path) -> None:
    n = compare.size(LINES // 5)
    log = write(tmp_path / "log.gz", map(text, rows(n, 20_000)))
    assert Traffic.from_access_log(log).n == n
    simple = re.compile(
        rb'^\[[^]]*\] "(\S+) (\S+) [^"]*" [^"]*"[^"]*" "([^"]*)" "[^"]*" "([^"]*)" "[^"]*"$', re.MULTILINE
    )

    def found() -> int:
        with gzip.open(log) as file:
            return len(simple.findall(file.read()))

    assert found() == n
    compare(
        f"a gzip log of {n:,} lines of text",
        lambda: Traffic.from_access_log(log),
        {"gunzip, then re.findall": found},
    )


@pytest.mark.parametrize("distinct", [10, 10_000], ids=lambda distinct: f"{distinct:,} texts")
def test_arrow_columns(compare: Compare, distinct: int) -> None:
    n = compare.size(ROWS, 3_000_000)
    codes = np.random.default_rng(1).integers(0, distinct, n, np.int32)
    words = pa.array([f"/path/of/some/length/{number}" for number in range(distinct)])
    coded = pa.DictionaryArray.from_arrays(pa.array(codes), words)
    table = np.arange(distinct, dtype=np.uint16)
    assert len(Column.from_arrow(coded)) == n
    compare(
        f"a dictionary column of {n:,} rows, {distinct:,} texts",
        lambda: Column.from_arrow(coded),
        {"a take": lambda: table.take(codes)},
        (Goal("a take", at_most=10),),
        checked=True,
    )


def test_plain_arrow_strings(compare: Compare) -> None:
    n = compare.size(ROWS, 1_000_000)
    codes = np.random.default_rng(1).integers(0, 10_000, n, np.int32)
    words = pa.array([f"/path/of/some/length/{number}" for number in range(10_000)])
    plain = pa.DictionaryArray.from_arrays(pa.array(codes), words).cast(pa.string())
    compare(
        f"a column of {n:,} plain strings, 10,000 texts",
        lambda: Column.from_arrow(plain),
        {"dictionary_encode": plain.dictionary_encode},
        (Goal("dictionary_encode", at_most=1.5),),
        checked=True,
    )
