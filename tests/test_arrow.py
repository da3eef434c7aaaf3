"""Arrow data becomes traffic and simulations become Arrow data, whoever made the frame."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb  # type: ignore[import-not-found,unused-ignore]
import numpy as np
import pandas as pd  # type: ignore[import-untyped,unused-ignore]
import polars as pl
import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]
import pyarrow.compute as pc  # type: ignore[import-untyped,unused-ignore]
import pyarrow.json as pj  # type: ignore[import-untyped,unused-ignore]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import canarysim as cs
from canarysim.faces.arrow import simulation_stream, simulation_table

from .access_logs import written_by_envoy
from .cases import weighted

if TYPE_CHECKING:
    from collections.abc import Callable

COALMINE = cs.load(Path(__file__).parent.parent / "notebooks" / "manifests" / "coalmine.yaml")

ROWS = {
    "path": ["/a", "/b", "/a", "/\u00e9"],
    "method": ["GET", "PUT", "GET", "GET"],
    "header x-canary": [None, "true", "", None],
    "counts": [1, 2, 3, 4],
    "seconds": [0.5, 1.5, 2.5, 3.5],
}
EXPECTED = {
    cs.Request("/a"): 1,
    cs.Request("/b", method="PUT", headers={"x-canary": "true"}): 2,
    cs.Request("/a", headers={"x-canary": ""}): 3,
    cs.Request("/\u00e9"): 4,
}


class Streamed:
    """Anything with ``__arrow_c_stream__``."""

    def __init__(self, stream: Callable[[object], object]) -> None:
        self._stream = stream

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._stream(requested_schema)


def duck(query: str) -> Any:
    connection = duckdb.connect()
    connection.register("frame", pa.table(ROWS))
    return connection.sql(query)


def coded_in_pieces() -> Any:
    """A table whose pieces have different dictionaries."""
    table = pa.table(ROWS)
    pieces = []
    for piece in (table.slice(0, 1), table.slice(1)):
        coded = piece.column("path").combine_chunks().dictionary_encode()
        pieces.append(piece.set_column(0, "path", pa.chunked_array([coded])))
    return pa.concat_tables(pieces)


FRAMES: dict[str, Callable[[], Any]] = {
    "pandas": lambda: pd.DataFrame(ROWS),
    "pandas with categoricals": lambda: pd.DataFrame(ROWS).astype(
        {"path": "category", "header x-canary": "category"}
    ),
    "polars": lambda: pl.DataFrame(ROWS),
    "polars with categoricals and enums": lambda: pl.DataFrame(ROWS).with_columns(
        pl.col("path").cast(pl.Categorical), pl.col("header x-canary").cast(pl.Enum(["never", "", "true"]))
    ),
    "duckdb": lambda: duck("select * from frame"),
    "duckdb with enums and sums": lambda: duck(
        """select path::enum('/a', '/b', '/\u00e9') as path, method, "header x-canary", sum(counts) as counts
        from frame group by all order by counts"""
    ),
    "pyarrow": lambda: pa.table(ROWS),
    "a record batch": lambda: pa.record_batch(ROWS),
    "a reader": lambda: pa.table(ROWS).to_reader(1),
    "pieces": coded_in_pieces,
    "large strings and views": lambda: pa.table(ROWS).cast(
        pa.schema(
            [
                ("path", pa.string_view()),
                ("method", pa.large_string()),
                ("header x-canary", pa.string_view()),
                ("counts", pa.uint8()),
                ("seconds", pa.float32()),
            ]
        )
    ),
    "runs": lambda: pa.table(ROWS).set_column(1, "method", pc.run_end_encode(pa.array(ROWS["method"]))),
    "a capsule": lambda: Streamed(pa.table(ROWS).__arrow_c_stream__),
}


@pytest.mark.parametrize("name", FRAMES)
def test_frames_of_all_makers_are_the_same_traffic(name: str) -> None:
    assert cs.Traffic.from_arrow(FRAMES[name]()).requests() == EXPECTED


def test_columns_may_be_called_otherwise() -> None:
    frame = pd.DataFrame({"uri": ["/a"], "canary": ["true"], "n": [7], "value": [2**64 - 1], "host": ["shop"]})
    fields = {
        "path": "uri",
        "header X-Canary": "canary",
        "counts": "n",
        "random_values": "value",
        "authority": "host",
    }
    found = cs.Traffic.from_arrow(frame.astype({"value": "uint64"}), fields=fields)
    assert found.requests() == {cs.Request("/a", authority="shop", headers={"x-canary": "true"}): 7}
    assert cs.simulate(COALMINE, found).replayed


def test_only_the_columns_that_are_asked_for_are_read() -> None:
    table = pa.table({**ROWS, "header x-bad": [1, 2, 3, 4]})
    found = cs.Traffic.from_arrow(table, columns=["method"]).requests()
    assert found == {cs.Request("/a"): 4, cs.Request("/b", method="PUT"): 2, cs.Request("/\u00e9"): 4}
    with pytest.raises(cs.InvalidValue, match="header x-bad is of type int64, not text"):
        cs.Traffic.from_arrow(table)


@pytest.mark.parametrize(
    ("data", "options", "code"),
    [
        ({"uri": ["/"], "b": [1]}, {}, "no_path"),
        ({"path": [1]}, {}, "not_text"),
        ({"path": [b"/"]}, {}, "not_text"),
        ({"path": [{"a": "b"}]}, {}, "not_text"),
        ({"path": ["/", None]}, {}, "missing_text"),
        ({"path": ["/"], "counts": [None]}, {}, "missing_number"),
        ({"path": ["/"], "counts": [1.5]}, {}, "bad_counts"),
        ({"path": ["/"], "counts": [-1]}, {}, "negative_count"),
        ({"path": ["/"]}, {"fields": {"paht": "path"}}, "unknown_column"),
        ({"path": ["/"]}, {"columns": ["x-canary"]}, "unknown_column"),
    ],
)
def test_what_is_no_traffic_is_refused(data: dict[str, Any], options: dict[str, Any], code: str) -> None:
    with pytest.raises(cs.InvalidValue) as caught:
        cs.Traffic.from_arrow(pa.table(data), **options)
    assert caught.value.code == code


def test_a_name_that_is_not_there_or_there_twice_is_refused() -> None:
    with pytest.raises(cs.UnknownName, match="did you mean 'uri'"):
        cs.Traffic.from_arrow(pa.table({"uri": ["/"]}), fields={"path": "url"})
    with pytest.raises(cs.InvalidValue, match="2 columns are called 'path'"):
        cs.Traffic.from_arrow(pa.table([pa.array(["/"])] * 2, names=["path", "path"]))
    for wrong in (ROWS, [1], "frame", None):
        with pytest.raises(TypeError):
            cs.Traffic.from_arrow(wrong)
        with pytest.raises(TypeError):
            cs.Column.from_arrow(wrong)


def test_an_empty_frame_is_an_empty_traffic() -> None:
    assert cs.Traffic.from_arrow(pa.table(ROWS).slice(0, 0)).n == 0


# Columns


def texts(column: cs.Column) -> list[str | None]:
    return [column.categories[code] for code in column.codes]


def test_a_dictionary_keeps_its_codes_and_its_categories() -> None:
    codes, words = [2, 0, 1, 0], ["b", "a", "b"]
    column = cs.Column.from_arrow(pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(words)))
    assert (column.codes.tolist(), column.categories) == (codes, tuple(words))
    assert column.codes.itemsize == 1
    column = cs.Column.from_arrow(pd.Series(["x", None], dtype="category").cat.set_categories(["never", "x"]))
    assert (column.codes.tolist(), column.categories) == ([1, 2], ("never", "x", None))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.none() | st.text(max_size=3), max_size=40), st.integers(0, 40), st.booleans())
def test_a_column_has_the_texts_of_its_array(values: list[str | None], cut: int, is_coded: bool) -> None:
    pieces = [pa.array(part, pa.string()) for part in (values[:cut], values[cut:])]
    array = pa.chunked_array([piece.dictionary_encode() for piece in pieces] if is_coded else pieces)
    assert texts(cs.Column.from_arrow(array)) == values
    assert texts(cs.Column.from_arrow(pl.Series(values, dtype=pl.String))) == values
    assert texts(cs.Column.from_arrow(array.slice(1))) == values[1:]


def test_categories_may_be_as_many_as_codes_hold() -> None:
    words = [str(number) for number in range(128)]
    array = pa.DictionaryArray.from_arrays(pa.array([127, None, 0], pa.int8()), pa.array(words))
    assert texts(cs.Column.from_arrow(array)) == ["127", None, "0"]


def test_nothing_but_nulls_is_a_column_too() -> None:
    assert texts(cs.Column.from_arrow(pa.nulls(2))) == [None, None]
    assert texts(cs.Column.from_arrow(pa.nulls(0))) == []


def test_bytes_that_are_no_text_stay_what_they_are() -> None:
    raw = pa.array([b"/\xff", None]).cast(pa.string(), safe=False)
    assert texts(cs.Column.from_arrow(raw)) == ["/\udcff", None]


# Simulations


TRAFFIC = {"GET /findPetWithId/1": 1, "GET /nope": 1, "GET /findPets": 1}


def simulated() -> Any:
    return cs.simulate(COALMINE, TRAFFIC, 1000, rng=1)


def test_a_simulation_is_a_table_of_its_outcomes_row_by_row() -> None:
    simulation = simulated()
    table = simulation_table(simulation)
    decisions = [simulation.outcomes[row] for row in simulation.rows]
    for name in ("kind", "virtual_host", "route", "cluster", "function", "status"):
        assert table.column(name).to_pylist() == [getattr(decision, name) for decision in decisions]
    origins = [None if decision.matched is None else decision.matched.origin for decision in decisions]
    assert table.column("origin").to_pylist() == origins
    counted = dict(zip(*np.unique(table.column("outcome").to_pylist(), return_counts=True), strict=True))
    assert counted == {name: count for name, count in simulation.counts("outcome").items() if count}


def test_frames_of_all_makers_count_what_the_simulation_counts() -> None:
    simulation = simulated()
    stream = Streamed(lambda schema: simulation_stream(simulation, schema))
    expected = {name: count for name, count in simulation.counts("cluster").items() if "(" not in name}
    clusters = pa.table(stream).to_pandas()["cluster"]
    assert clusters.value_counts().to_dict() == expected
    assert dict(pl.DataFrame(stream).drop_nulls("cluster").group_by("cluster").len().iter_rows()) == expected
    counted = duckdb.sql("select cluster, count(*) from stream where cluster is not null group by 1")
    assert counted is not None
    assert dict(counted.fetchall()) == expected


@pytest.mark.parametrize("size", [1, 2, 127, 128, 129, 256, 257])
def test_any_number_of_outcomes_has_codes_that_pandas_takes(size: int) -> None:
    simulation = cs.simulate(cs.loads(weighted(*[1] * size)), "GET /", 2000, rng=1)
    assert len(simulation.outcomes) == size
    frame = simulation_table(simulation).to_pandas()
    assert simulation.rows is not None
    expected = [simulation.outcomes[row].cluster for row in simulation.rows]
    assert frame["cluster"].tolist() == expected


def test_outcomes_of_their_own_share_the_memory_of_the_rows() -> None:
    simulation = cs.simulate(cs.loads(weighted(1, 2, 3)), "GET /", 1000, rng=1)
    indices = simulation_table(simulation).column("cluster").chunk(0).indices
    assert simulation.rows is not None
    assert indices.buffers()[1].address == simulation.rows.ctypes.data


def test_counts_alone_have_no_rows() -> None:
    with pytest.raises(cs.InvalidValue) as caught:
        simulation_table(cs.simulate(COALMINE, TRAFFIC, 1000, rng=1, keep="counts"))
    assert caught.value.code == "no_rows"


# With a real Envoy


def test_a_log_of_a_real_envoy_read_as_arrow_data_is_the_log_read_as_a_log() -> None:
    requests = [
        b"GET /a?x=1 HTTP/1.1\r\nhost: h\r\nuser-agent: c\xc3\xa9\r\n\r\n",
        b"PUT /b HTTP/1.1\r\nhost:\r\n\r\n",
    ]
    log = written_by_envoy("1.40", requests * 3)["json"]
    fields = {"method": "verb", "authority": ":authority", "header user-agent": "userAgent"}
    table = pj.read_json(io.BytesIO(log))
    assert cs.Traffic.from_arrow(table, fields=fields).requests() == {
        cs.Request("/a?x=1", authority="h", headers={"user-agent": "c\u00e9"}): 3,
        cs.Request("/b", method="PUT"): 3,
    }
    read = cs.Traffic.from_access_log(io.BytesIO(gzip.compress(log)), fields=fields, columns=[*fields])
    assert cs.Traffic.from_arrow(table, fields=fields).requests() == read.requests()


# Without pyarrow


def test_without_pyarrow_the_error_names_the_extra() -> None:
    code = """
import sys
sys.modules["pyarrow"] = None
import canarysim as cs
for call in (cs.Traffic.from_arrow, cs.Column.from_arrow):
    try:
        call(object())
    except cs.MissingExtra as error:
        print(error.extra, error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["arrow this needs pyarrow: pip install 'canarysim[arrow]'"] * 2
