"""Access logs are read as Envoy writes them, with and without pyarrow, and nothing of them gets lost unsaid."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import canarysim as cs
from canarysim.cli import main
from canarysim.engine import access_log, log_source
from canarysim.engine.log_json import JsonRows
from canarysim.engine.log_source import block_of
from canarysim.engine.log_text import TEXT_COLUMNS, TextRows

from .access_logs import FIELDS, ROWS, Row, written_by_envoy

if TYPE_CHECKING:
    from canarysim.engine.access_log import LoggedTraffic
    from canarysim.engine.log_rows import Rows

    from .envoy.envoys import Version

COALMINE = str(Path(__file__).parent.parent / "notebooks" / "manifests" / "coalmine.yaml")
PET = '{"path":"/pets","method":"GET","authority":"shop"}'
TEXT = '[2026-11-28T17:38:10.955Z] "GET /pets HTTP/1.1" 200 - 0 0 3 - "-" "curl/8" "e0d7" "shop" "10.0.0.1:80"'
Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch


def read(log: str | bytes, **options: Any) -> LoggedTraffic:
    data = log.encode() if isinstance(log, str) else log
    return cs.Traffic.from_access_log(io.BytesIO(data), **options)


def requests_of(log: str | bytes, **options: Any) -> dict[str, int]:
    return {str(request): int(count) for request, count in read(log, **options).requests().items()}


def refusal(log: str | bytes, **options: Any) -> cs.InvalidValue:
    with pytest.raises(cs.InvalidValue) as caught:
        read(log, **options)
    return caught.value


# Rows of JSON, by both readers


def reader(name: str) -> JsonRows:
    rows = JsonRows(FIELDS)
    if name == "pyarrow":
        assert rows.use_arrow()
    return rows


def texts_of(rows: Rows) -> list[tuple[str | None, ...]]:
    columns = [[column.texts[code] for code in column.codes] for column in rows.columns.values()]
    return list(zip(*columns, strict=True))


def check(rows: Rows, expected: list[Row], first: int) -> None:
    numbered = list(enumerate(expected, first))
    assert list(rows.lines) == [number for number, row in numbered if row.texts is not None]
    assert texts_of(rows) == [row.texts for row in expected if row.texts is not None]
    wrong = [(number, row) for number, row in numbered if row.texts is None]
    assert [found.line for found in rows.bad] == [number for number, _ in wrong]
    for found, (_, row) in zip(rows.bad, wrong, strict=True):
        assert row.reason in found.reason
        assert found.text == row.line.decode("utf-8", "backslashreplace").strip()[:120] + "..." * (
            len(row.line) > 120
        )


@pytest.mark.parametrize("name", ["the standard library", "pyarrow"])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.line[:40].decode("latin-1"))
def test_a_row_says_what_it_says_whoever_reads_it(name: str, row: Row) -> None:
    check(reader(name).read(block_of(row.line, 3)), [row], 3)


@pytest.mark.parametrize("name", ["the standard library", "pyarrow"])
@pytest.mark.parametrize("end", [b"\n", b""])
def test_a_wrong_row_takes_no_other_with_it(name: str, end: bytes) -> None:
    for seed in range(20):
        rows = random.Random(seed).sample(ROWS, 12 if seed % 2 else len(ROWS))
        check(reader(name).read(block_of(b"\n".join(row.line for row in rows) + end, 9)), rows, 9)


@pytest.mark.parametrize("name", ["the standard library", "pyarrow"])
@pytest.mark.parametrize(
    "lines",
    [
        b'{"path":"/a","x":[\n{"y":1}]}{"path":"/b"}\n',
        b'{"path":"/a","x":{}\n,"y":1}{"path":"/b"}\n',
        b'{"path":"/a"}{"path":\n"/b"}\n',
    ],
)
def test_as_many_rows_as_lines_need_not_be_one_a_line(name: str, lines: bytes) -> None:
    rows = reader(name).read(block_of(lines))
    assert list(rows.lines) == []
    assert [row.line for row in rows.bad] == [1, 2]


def test_blank_lines_are_no_rows_and_count_as_lines() -> None:
    for name in ("the standard library", "pyarrow"):
        rows = reader(name).read(block_of(b'\n \r\n{"path":"/a"}\r\n\n{"path":1}\n', 1))
        assert list(rows.lines) == [3]
        assert [row.line for row in rows.bad] == [5]


PIECES = [
    *'{}":,[]\\/-1e. \n\r\x01',
    "\\u00e9",
    "\\ud83d",
    "\\u0070",
    "null",
    '"path":"/x"',
    '"h":{"x":"q"}',
    "}\n{",
]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    line = bytearray(draw(st.sampled_from(ROWS)).line[:400])
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(line)))
        line[at : at + draw(st.integers(0, 4))] = draw(st.sampled_from(PIECES)).encode()
    return bytes(line)


@settings(max_examples=150, deadline=None)
@given(st.lists(damaged(), min_size=1, max_size=4))
def test_both_readers_give_the_same_answer_about_anything(lines: list[bytes]) -> None:
    block = block_of(b"\n".join(lines) + b"\n", 1)
    ours, theirs = reader("the standard library").read(block), reader("pyarrow").read(block)
    assert (list(ours.lines), texts_of(ours), ours.bad) == (list(theirs.lines), texts_of(theirs), theirs.bad)


def test_pyarrow_reads_what_it_can_and_the_rest_is_read_by_lines(monkeypatch: Patch) -> None:
    asked: list[int] = []
    by_lines = JsonRows._by_lines

    def counting(self: JsonRows, lines: Any, bad: Any) -> Rows:
        asked.append(len(lines))
        return by_lines(self, lines, bad)

    monkeypatch.setattr(JsonRows, "_by_lines", counting)
    rows = reader("pyarrow")
    rows.read(block_of(b'{"path":"/a"}\n' * 5))
    rows.read(block_of(b'{"path":"/a"}\r\n\nstarting\n' * 5))
    assert asked == []
    rows.read(block_of(b'{"path":"/a"}\n' * 5 + b'{"path":7}\n'))
    assert asked == [6]


@pytest.mark.parametrize("arrow", [True, False])
def test_a_log_of_several_blocks_is_one_log(arrow: bool, monkeypatch: Patch) -> None:
    lines = [f'{{"path":"/{n % 700}","method":"{"GET" if n % 3 else "PUT"}"}}' for n in range(5000)]
    lines[1234], lines[4321] = "oops", '{"path":null,"method":null}'
    whole = read("\n".join(lines))
    monkeypatch.setattr(log_source, "FIRST", 1000)
    monkeypatch.setattr(log_source, "BLOCK", 7000)
    monkeypatch.setattr(access_log, "SHORT", 0)
    if not arrow:
        monkeypatch.setitem(sys.modules, "pyarrow", None)
    asked, used = JsonRows.use_arrow, []

    def use_arrow(self: JsonRows) -> bool:
        used.append(asked(self))
        return used[-1]

    monkeypatch.setattr(JsonRows, "use_arrow", use_arrow)
    pieces = read(gzip.compress("\n".join(lines).encode()))
    assert used[0] is arrow
    assert pieces.requests() == whole.requests()
    assert pieces.log == whole.log
    assert [row.line for row in pieces.log.first_skipped] == [1235, 4322]
    assert pieces.log.read == 4998


# Fields


@pytest.mark.parametrize(
    "line",
    [
        PET,
        '{":path":"/pets",":method":"GET",":authority":"shop"}',
        '{"x-envoy-origin-path":"/pets","method":"GET",":authority":"shop","x-forwarded-for":"1.2.3.4"}',
        '{"path":"/pets","httpMethod":"GET","authority":"shop","requestId":"17"}',
        '{"request":{"path":"/pets","method":"GET","authority":"shop"},"response":{"code":200}}',
        '{"request.path":"/pets","request.method":"GET","req.authority":"shop"}',
        '{"http":{"request":{"method":"GET"}},"requestPath":"/pets","Authority":"shop"}',
        '{"REQ_METHOD":"GET","uri":"/pets","request_authority":"shop"}',
        '{"path":"/new","original_path":"/pets","method":"GET","authority":"shop"}',
    ],
)
def test_the_usual_names_are_known(line: str) -> None:
    assert requests_of(line) == {"GET /pets host:shop": 1}


def test_headers_are_read_where_they_are_asked_for_or_said_to_be() -> None:
    line = (
        '{"path":"/","method":"GET","user_agent":"curl","x_forwarded_for":"1.2.3.4","request_id":"17",'
        '"x-canary":"true","t":{"n":"a"}}'
    )
    assert requests_of(line) == {"GET / user-agent:curl": 1}
    assert requests_of(line, fields={"header X-Tenant": "t.n"}) == {"GET / user-agent:curl x-tenant:a": 1}
    some = ["header x-canary", "header x-request-id", "header x-forwarded-for"]
    found = read(line, columns=some)
    assert [str(request) for request in found.requests()] == [
        "GET / x-canary:true x-request-id:17 x-forwarded-for:1.2.3.4"
    ]
    assert found.log.fields == {
        "path": "path",
        **dict(zip(some, ("x-canary", "request_id", "x_forwarded_for"), strict=True)),
    }
    assert found.log.absent == ()


def test_what_a_log_does_not_say_is_said() -> None:
    assert read('{"path":"/"}').log.absent == ("method", "authority")
    found = read(f"{PET}\n" * 2, columns=["method", "header x-canary", "scheme"])
    assert found.log.absent == ("header x-canary", "scheme")
    assert requests_of(TEXT, columns=["scheme", "header user-agent"]) == {"GET /pets user-agent:curl/8": 1}
    assert read(TEXT, columns=["scheme", "header user-agent"]).log.absent == ("scheme",)


def test_a_header_may_come_late() -> None:
    rows = "\n".join([PET] * 9 + ['{"path":"/pets","method":"GET","x-canary":"1"}'])
    for small in (1 << 18, 100):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(log_source, "FIRST", small)
            patch.setattr(log_source, "BLOCK", small)
            assert requests_of(rows, columns=["header x-canary"]) == {"GET /pets": 9, "GET /pets x-canary:1": 1}


def test_without_a_path_the_fields_that_were_found_are_named() -> None:
    error = refusal('{"Uri_Path":"/","b":{"c":1,"d":null},"z":{}}\n{"e":1}')
    assert error.code == "no_path"
    assert error.values["fields"] == ["Uri_Path", "b.c", "b.d", "e"]
    assert "its fields are Uri_Path, b.c, b.d, e." in str(error)
    assert 'fields={"path": "..."}' in str(error)
    error = refusal(PET, fields={"path": "pth"})
    assert str(error).startswith("'pth' is no field of the log; its fields are authority, method, path.")


def test_two_names_for_one_thing_are_not_chosen_between() -> None:
    line = '{"uri":"/a","path":"/b"}'
    error = refusal(line)
    assert (error.code, error.values) == ("ambiguous_field", {"column": "path", "fields": ["path", "uri"]})
    assert requests_of(line, fields={"path": "uri"}) == {"GET /a": 1}
    assert refusal('{"path":"/","method":"GET","request":{"method":"PUT"}}').code == "ambiguous_field"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"fields": {"paht": "x"}}, "unknown_column"),
        ({"fields": {"header ": "x"}}, "unknown_column"),
        ({"columns": ["x-canary"]}, "unknown_column"),
        ({"columns": [7]}, "unknown_column"),
        ({"format": "csv"}, "bad_format"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], code: str) -> None:
    assert refusal(PET, **options).code == code


def test_options_of_a_wrong_type_are_refused() -> None:
    for options in ({"columns": "path"}, {"fields": "path"}, {"fields": {"path": 7}}):
        with pytest.raises(TypeError):
            read(PET, **options)
    with pytest.raises(TypeError, match="'rb'"):
        cs.Traffic.from_access_log(io.StringIO(PET))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a path or a file"):
        cs.Traffic.from_access_log(7)  # type: ignore[arg-type]


# Requests


def test_what_is_missing_is_a_dash_or_null() -> None:
    log = (
        '{"path":"/","method":"GET","authority":"-","user_agent":"-","scheme":"-"}\n'
        '{"path":"/","method":"GET","authority":null,"user_agent":"","scheme":"https"}\n'
        '{"path":"-","method":"-","authority":"-"}\n'
        '{"path":"/","method":null}\n'
        '{"path":"","method":"GET"}\n'
        '{"path":null,"method":"CONNECT","authority":"h:443"}\n'
    )
    found = read(log)
    assert list(found.requests()) == [
        cs.Request("/"),
        cs.Request("/", scheme="https", headers={"user-agent": ""}),
        cs.Request("", method="CONNECT", authority="h:443"),
    ]
    assert [str(row) for row in found.log.first_skipped] == [
        "line 3: has no path",
        "line 4: has no method",
        "line 5: has no path",
    ]


def test_the_first_bad_rows_are_kept_and_all_are_counted() -> None:
    found = read(f"{PET}\n" + "".join(f"oops {n}\n" for n in range(25)))
    assert (found.n, found.log.read, found.log.skipped) == (1, 1, 25)
    assert [row.text for row in found.log.first_skipped] == [f"oops {n}" for n in range(10)]
    assert str(found.log).splitlines()[0] == "the log: 1 row read, 25 left out"
    assert str(found.log).splitlines()[-1] == "... and 15 more"
    assert "25 rows left out" in repr(found)


def test_a_log_without_any_row_is_an_error() -> None:
    for empty in ("", "\n\n", gzip.compress(b"")):
        assert refusal(empty).code == "empty_log"
    error = refusal("a\nb\n")
    assert (error.code, error.values["skipped"]) == ("no_row", 2)
    assert "the log:1: the row is neither JSON nor in Envoy's default format" in str(error)
    assert refusal('{"path":null}\n{"path":"-"}').code == "no_row"
    assert refusal(TEXT, format="json").code == "no_row"
    assert refusal(PET, format="text").code == "no_row"


def test_a_traffic_of_a_log_is_a_traffic() -> None:
    found = read(f"{PET}\n" * 3)
    both = cs.Traffic.concat(found, cs.Traffic.repeat("GET /x", 2))
    assert both.n == 5
    assert cs.simulate(cs.load(COALMINE), both, rng=1).counts("kind") == {"not_found": 5}


# The default text format


def test_the_default_format_is_read() -> None:
    log = "\n".join(
        [
            TEXT,
            TEXT.replace('"-" "curl/8"', '"1.2.3.4,5.6.7.8" "Mozilla/5.0 (X11) "quoted" \\ too"'),
            TEXT.replace('GET /pets HTTP/1.1" 200 -', 'CONNECT - HTTP/2" 503 UF,URX').replace("curl/8", "-"),
            TEXT.replace('GET /pets HTTP/1.1" 200 -', '- - HTTP/1.1" 400 DPE').replace("shop", "-"),
            TEXT.replace("/pets", '/a"b?x="y"').replace("shop", "-"),
            TEXT.replace("curl/8", ""),
            TEXT.replace("curl/8", 'a" "b'),
            TEXT[:-1],
            TEXT + "\r",
        ]
    )
    found = read(log)
    assert list(found.requests()) == [
        cs.Request("/pets", authority="shop", headers={"user-agent": "curl/8"}),
        cs.Request("/pets", authority="shop", headers={"user-agent": 'Mozilla/5.0 (X11) "quoted" \\ too'}),
        cs.Request("", method="CONNECT", authority="shop"),
        cs.Request('/a"b?x="y"', headers={"user-agent": "curl/8"}),
        cs.Request("/pets", authority="shop", headers={"user-agent": ""}),
    ]
    assert [(row.line, row.reason.partition(",")[0]) for row in found.log.first_skipped] == [
        (4, "has no path"),
        (7, "has quotes in its headers"),
        (8, "is not in Envoy's default format"),
    ]
    assert found.log.fields["path"] == "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"
    assert refusal(TEXT, fields={"path": "uri"}).code == "fields_of_text"


def test_istios_default_text_is_read_too() -> None:
    istio = (
        '[2022-10-23T20:38:15.413Z] "GET /a HTTP/1.1" 200 - via_upstream - "-" 0 37 0 0 "-" "curl/7" "3ce3" '
        '"nginx" "192.168.42.152:80" inbound|80|| 127.0.0.6:52375 192.168.42.152:80 192.168.59.90:34854 - default'
    )
    assert requests_of(istio) == {"GET /a host:nginx user-agent:curl/7": 1}


WRITTEN = '[2026-11-28T17:38:10.955Z] "{} {} HTTP/2" 200 - 0 7 3 - "{}" "{}" "{}" "{}" "10.0.0.1:80"'
VALUES = st.text('a" 0-,', max_size=12).map(str.strip)


ROW = st.tuples(
    st.sampled_from(["GET", "CONNECT", "x-y"]), st.text('a"/?-', min_size=1), *[VALUES] * 3, st.text("a.:-")
)


@settings(max_examples=300, deadline=None)
@given(ROW)
def test_whatever_clients_send_no_row_of_text_is_read_wrongly(values: tuple[str, ...]) -> None:
    found = TextRows(TEXT_COLUMNS).read(block_of(WRITTEN.format(*values).encode()))
    assert texts_of(found) == [values] or "quotes" in found.bad[0].reason
    if '"' not in "".join(values[2:5]):
        assert found.bad == []


def test_the_format_is_told_by_what_most_rows_are() -> None:
    assert requests_of(f"{TEXT}\n{TEXT}\n{PET}\n") == {"GET /pets host:shop user-agent:curl/8": 2}
    assert requests_of(f"starting\n{TEXT}\n{PET}\n{PET}") == {"GET /pets host:shop": 2}
    assert requests_of(f"{TEXT}\n{TEXT}\n{PET}\n", format="json") == {"GET /pets host:shop": 1}


# A real Envoy


SENT = (
    (
        b"GET /a?x=1 HTTP/1.1\r\nhost: h\r\nuser-agent: curl\r\nx-canary: true\r\n",
        cs.Request("/a?x=1", authority="h"),
    ),
    (b'GET /a"b HTTP/1.1\r\nhost: h\r\nuser-agent: a "q" \\ b\r\n', cs.Request('/a"b', authority="h")),
    (b"GET /utf HTTP/1.1\r\nhost: h:80\r\nuser-agent: caf\xc3\xa9\r\n", cs.Request("/utf", authority="h:80")),
    (b"GET /empty HTTP/1.1\r\nhost:\r\nuser-agent:\r\nx-canary:\r\n", cs.Request("/empty")),
    (b"GET /old/x?y HTTP/1.1\r\nhost: h\r\n", cs.Request("/old/x?y", authority="h")),
    (b"OPTIONS * HTTP/1.1\r\nhost: h\r\n", cs.Request("*", method="OPTIONS", authority="h")),
    (b"CONNECT h:443 HTTP/1.1\r\nhost: h:443\r\n", cs.Request("", method="CONNECT", authority="h:443")),
    (b"PATCH http://abs/p HTTP/1.1\r\nhost: h\r\n", cs.Request("/p", method="PATCH", authority="abs")),
    (b"GET /sp ace HTTP/1.1\r\nhost: h\r\n", None),
    (b"GET /a\\{}|^`<> HTTP/1.1\r\nhost: h\r\nuser-agent: a\tb\r\n", cs.Request("/a\\{}|^`<>", authority="h")),
    (b"garbage\r\n", None),
)


@pytest.mark.parametrize("version", ["1.36", "1.40"])
def test_the_logs_of_a_real_envoy_say_what_was_sent(version: Version) -> None:
    logs = written_by_envoy(version, [request + b"\r\n" for request, _ in SENT])
    text = read(logs["text"])
    with_json = read(logs["json"], fields={"method": "verb", "header x-canary": "request.headers.x-canary"})
    expected = [request for _, request in SENT if request is not None]
    for found in (text, with_json):
        for request, sent in zip(found.requests(), expected, strict=True):
            assert (request.path, request.method, request.authority) == (sent.path, sent.method, sent.authority)
        assert [(row.line, row.reason) for row in found.log.first_skipped] == [
            (9, "has no path"),
            (11, "has no path"),
        ]
    agents = ["curl", 'a "q" \\ b', "caf\u00e9", "", None, None, None, None, "a\tb"]
    for found in (text, with_json):
        assert [dict(request.headers).get("user-agent") for request in found.requests()] == agents
    canaries = [dict(request.headers).get("x-canary") for request in with_json.requests()]
    assert canaries == ["true", None, None, "", None, None, None, None, None]
    schemes = [request.scheme for request in with_json.requests()]
    assert schemes == ["http", "http", "http", "http", "http", None, "http", "http", "http"]
    assert text.log.format == "text"
    assert with_json.log.fields["header user-agent"] == "userAgent"


@pytest.mark.parametrize("version", ["1.36", "1.40"])
def test_bytes_that_are_no_text_stay_bytes_in_the_text_format(version: Version) -> None:
    logs = written_by_envoy(version, [b"GET / HTTP/1.1\r\nhost: h\r\nuser-agent: \xff\xc3\r\n\r\n"])
    (request,) = read(logs["text"]).requests()
    assert os.fsencode(dict(request.headers)["user-agent"]) == b"\xff\xc3"
    (request,) = read(logs["json"], fields={"method": "verb"}).requests()  # Envoy writes \u00ff\u00c3
    assert dict(request.headers)["user-agent"] == "\u00ff\u00c3"


# Files and streams


def test_a_log_is_a_path_or_a_file_and_gzip_is_told_by_its_bytes(tmp_path: Path) -> None:
    plain, zipped = tmp_path / "a.gz", tmp_path / "b.log"
    plain.write_text(f"{PET}\n")
    zipped.write_bytes(gzip.compress(f"{PET}\n".encode()))
    for log in (plain, str(plain), zipped):
        assert cs.Traffic.from_access_log(log).n == 1
        with open(log, "rb") as file:
            found = cs.Traffic.from_access_log(file)
            assert (found.n, found.log.name) == (1, str(log))
            assert not file.closed
    with pytest.raises(FileNotFoundError):
        cs.Traffic.from_access_log(tmp_path / "c.log")


def test_members_of_gzip_follow_each_other_and_padding_is_no_row() -> None:
    one = gzip.compress(f"{PET}\n".encode())
    assert read(one + one + b"\0" * 10 + one + b"\0\0").n == 3


def test_gzip_that_is_cut_or_damaged_loses_what_is_behind_and_says_so() -> None:
    lines = [f'{{"path":"/{random.Random(n).random()}"}}' for n in range(3000)]
    data = gzip.compress("\n".join(lines).encode())
    half = len(data) // 2
    cut = read(data[:half])
    assert 1000 < cut.n < 2000
    assert cut.log.damage == "the gzip data ends too early"
    assert cut.log.skipped <= 1  # the row in which it ends
    assert str(cut.log).endswith("the log: the gzip data ends too early: what follows is lost")
    assert read(data[:half] + b"\xff" * half).log.damage
    wrong = read(data[:-8] + bytes(8))
    assert (wrong.n, wrong.log.damage[:24]) == (3000, "the gzip data is damaged")
    junk = read(gzip.compress(f"{PET}\n".encode()) + b"junk")
    assert (junk.n, junk.log.skipped) == (1, 0)
    assert "damaged" in junk.log.damage
    assert "ends too early" in str(refusal(gzip.compress(b"x")[:9]))


def test_other_compressions_are_named() -> None:
    import bz2
    import lzma

    assert "bzip2" in str(refusal(bz2.compress(b"x")))
    assert "xz" in str(refusal(lzma.compress(b"x")))
    assert refusal(b"\x28\xb5\x2f\xfd....").code == "compressed"


def test_a_byte_order_mark_is_no_part_of_the_first_row() -> None:
    for data in (b"\xef\xbb\xbf" + PET.encode(), gzip.compress(b"\xef\xbb\xbf" + PET.encode())):
        assert read(data).log.skipped == 0


def test_a_line_without_end_does_not_fill_the_memory(monkeypatch: Patch) -> None:
    monkeypatch.setattr(log_source, "LONGEST", 1 << 20)
    monkeypatch.setattr(log_source, "BLOCK", 1 << 16)
    long = b'{"path":"' + b"x" * (3 << 20)
    for data in (long + b'"}\n', long, long + b"\n" + f"{PET}\n".encode() * 5000):
        found = read(f"{PET}\n".encode() * 2 + data)
        assert [(row.line, row.reason) for row in found.log.first_skipped] == [
            (3, "is longer than 1,048,576 bytes")
        ]
        assert found.n in (2, 5002)


# Pieces


def test_pieces_are_the_whole(monkeypatch: Patch) -> None:
    monkeypatch.setattr(log_source, "FIRST", 500)
    monkeypatch.setattr(log_source, "BLOCK", 900)
    lines = [f'{{"path":"/{n % 7}","method":"GET"}}' if n % 10 else "oops" for n in range(200)]
    log = "\n".join(lines).encode()
    whole = cs.Traffic.from_access_log(io.BytesIO(log))
    for rows in (1, 7, 90, 180, 1000):
        pieces = list(cs.read_access_log(io.BytesIO(log), chunk_rows=rows))
        assert {piece.n for piece in pieces[:-1]} <= {rows}
        assert sum(piece.n for piece in pieces) == whole.n == 180
        assert cs.Traffic.concat(*pieces).requests() == whole.requests()
        assert sum(piece.log.skipped for piece in pieces) == whole.log.skipped == 20
        assert all(piece.n == piece.log.read for piece in pieces)


@pytest.mark.parametrize("block", [1 << 18, 40])
def test_bad_rows_at_the_end_are_not_forgotten(block: int, monkeypatch: Patch) -> None:
    monkeypatch.setattr(log_source, "FIRST", block)
    monkeypatch.setattr(log_source, "BLOCK", block)
    pieces = list(cs.read_access_log(io.BytesIO(f"{PET}\n{PET}\n{'oops' * 20}\n".encode()), chunk_rows=2))
    assert sum(piece.log.skipped for piece in pieces) == 1
    assert [row.line for piece in pieces for row in piece.log.first_skipped] == [3]
    assert sum(piece.n for piece in pieces) == 2


def test_damage_behind_the_last_piece_is_not_forgotten() -> None:
    cut = gzip.compress(f"{PET}\n{PET}\n".encode())[:-3]
    pieces = list(cs.read_access_log(io.BytesIO(cut), chunk_rows=2))
    assert sum(piece.n for piece in pieces) == 2
    assert [piece.log.damage for piece in pieces][-1] == "the gzip data ends too early"


def test_an_empty_header_is_one_and_an_empty_authority_is_none() -> None:
    found = read('{"path":"/","user_agent":"","authority":""}', columns=["header user-agent", "authority"])
    assert found.log.absent == ("authority",)


def test_pieces_need_no_more_memory_for_a_longer_log() -> None:
    def peak(rows: int) -> int:
        data = gzip.compress(b"".join(b'{"path":"/%d"}\n' % (n % 1000) for n in range(rows)), 1)
        tracemalloc.start()
        for piece in cs.read_access_log(io.BytesIO(data), chunk_rows=10_000):
            assert piece.n
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_source, "BLOCK", 1 << 18)
        assert peak(200_000) < 1.5 * peak(50_000)


def test_a_wrong_size_of_pieces_is_refused() -> None:
    for size in (0, -1):
        with pytest.raises(cs.InvalidValue):
            cs.read_access_log(io.BytesIO(), chunk_rows=size)
    with pytest.raises(TypeError):
        cs.read_access_log(io.BytesIO(), chunk_rows=1.5)  # type: ignore[arg-type]


def test_short_logs_import_no_pyarrow(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text(f"{PET}\n" * 3000)
    code = (
        "import sys, canarysim as cs; cs.Traffic.from_access_log(sys.argv[1]); print('pyarrow' in sys.modules);"
        "from canarysim.engine import access_log, log_source; access_log.SHORT = 0; log_source.FIRST = 100;"
        "cs.Traffic.from_access_log(sys.argv[1]); print('pyarrow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(log)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_columns_of_a_set_are_in_one_order_in_every_run(seed: str) -> None:
    code = (
        "import io, canarysim as cs\n"
        "table = cs.from_envoy({'virtual_hosts': [{'name': 'v', 'domains': ['a'], 'routes': []}]})\n"
        'log = io.BytesIO(b\'{"path":"/"}\')\n'
        "print(*cs.Traffic.from_access_log(log, columns=table.columns_needed).log.absent, sep=', ')"
    )
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    expected = "authority, header connection, header upgrade, header x-forwarded-proto, method, scheme"
    assert done.stdout.strip() == expected


# The command line


@pytest.fixture
def log(tmp_path: Path, monkeypatch: Patch) -> str:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    file = tmp_path / "access.log"
    pets = ['{"path":"/findPets","method":"GET","authority":"shop","x-canary":"no"}'] * 3
    lost = ['{"path":"/favicon.ico","method":"GET","authority":"shop"}'] * 2
    file.write_text("\n".join([*pets, "starting", *lost, '{"path":null,"method":null}']))
    return str(file)


def test_the_command_shows_the_split_and_what_found_no_route(log: str, capsys: Capture) -> None:
    assert main(["simulate", COALMINE, "--traffic", log, "--seed", "1"]) == 1
    out, err = capsys.readouterr()
    table, traffic = cs.load(COALMINE), cs.Traffic.from_access_log(log)
    assert out.startswith(f"{cs.simulate(table, traffic, rng=1, keep='counts')}\n\n")
    assert out.endswith("2 requests found no route, 1 distinct\n\n  2  GET /favicon.ico host:shop\n")
    assert err.splitlines() == [
        "2 rows of 7 left out",
        f"{log}:4: warning: the row is no JSON",
        "    starting",
        f"{log}:7: warning: the row has no path",
        '    {"path":null,"method":null}',
        "",
    ]


def test_a_log_without_findings_is_no_finding(log: str, capsys: Capture) -> None:
    Path(log).write_text('{"path":"/findPets","method":"GET","authority":"shop","x-canary":"no"}\n' * 3)
    assert main(["simulate", COALMINE, "--traffic", log, "--by", "cluster"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("3 requests by cluster\n")
    assert "found no route" not in out
    assert err == ""


def test_what_the_log_does_not_say_is_noted(log: str, capsys: Capture) -> None:
    Path(log).write_text('{"path":"/findPets"}\n')
    assert main(["simulate", COALMINE, "--traffic", log]) == 0
    err = capsys.readouterr().err
    assert err.splitlines() == [
        f"{log}: note: the log does not say the authority: every request counts as one without a host",
        "    -> --field authority=NAME names the field that has it",
        f"{log}: note: the log does not say the header x-canary: every request counts as one without it",
        "    -> no row has a value in x-canary or x_canary; --field 'header x-canary=NAME' names another field",
        f"{log}: note: the log does not say the method: every request counts as a GET",
        "    -> --field method=NAME names the field that has it",
        "",
    ]
    assert main(["simulate", COALMINE, "--traffic", log, "--field", "header x-canary=canary"]) == 0
    assert "    -> no row has a value in canary; " in capsys.readouterr().err
    Path(log).write_text('[2026-11-28T17:38:10.955Z] "GET / HTTP/1.1" 200 - 0 5 3 2 "-" "a" "b" "shop" "-"\n')
    assert main(["simulate", COALMINE, "--traffic", log]) == 0
    err = capsys.readouterr().err
    assert "the log does not say the header x-canary" in err
    assert "--field" not in err  # its fields have no names


def test_only_the_hundred_most_frequent_are_listed(log: str, capsys: Capture) -> None:
    lines = [f'{{"path":"/no/{n}","method":"GET","authority":"shop"}}\n' * (1 + (n == 117)) for n in range(150)]
    Path(log).write_text("".join(lines))
    assert main(["simulate", COALMINE, "--traffic", log]) == 0
    out = capsys.readouterr().out
    listed = out.split("151 requests found no route; the 100 most frequent, with 101 of them\n\n")[1].splitlines()
    assert len(listed) == 100
    assert listed[0] == "  2  GET /no/117 host:shop"
    assert main(["simulate", COALMINE, "--traffic", log, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["answers"][0]["not_found"]) == 100


def test_a_log_comes_through_a_pipe_and_its_fields_may_be_named(log: str) -> None:
    data = gzip.compress(b'{"u r l":"/findPets","verb":"GET","authority":"a"}\n')
    command = [sys.executable, "-m", "canarysim", "simulate", COALMINE, "--traffic", "-", "--json"]
    named = ["--field", "path=u r l", "--field", "method=verb"]
    done = subprocess.run([*command, *named], input=data, capture_output=True, check=True)
    found = json.loads(done.stdout)
    assert {**found["log"]["fields"], "path": "u r l", "method": "verb"} == found["log"]["fields"]
    assert found["answers"][0]["n"] == 1
    done = subprocess.run(command, input=data, capture_output=True, check=False)
    assert done.returncode == 2
    assert b"its fields are authority, u r l, verb." in done.stderr
    assert b"--field path=NAME" in done.stderr


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["GET /"], "give no others"),
        (["-n", "7"], "-n is for others"),
        (["--field", "path"], "is not WHAT=NAME"),
        (["--field", "paht=x"], "is no column"),
        (["--traffic", "-"], "--traffic takes one log"),
    ],
)
def test_what_cannot_be_is_refused(more: list[str], says: str, log: str, capsys: Capture) -> None:
    try:
        code = main(["simulate", COALMINE, "--traffic", log, *more])
    except SystemExit as stop:
        code = int(str(stop.code))
    assert code == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "more", "says"),
    [
        (
            '{"target":"/","verb":"GET"}',
            [],
            "are target, verb.\n    -> name the one that is the path: --field path=NAME",
        ),
        ('{"target":"/"}', ["--field", "path=p"], "'p' is no field of"),
        (
            '{"path":"/","request path":"/"}',
            [],
            "may each be the path\n    -> choose: --field path=path or --field 'path=request path'",
        ),
        (
            '[2026-11-28T17:38:10.955Z] "GET / HTTP/1.1" 200 - 0 5 3 2 "-" "a" "b" "shop" "-"',
            ["--field", "path=p"],
            "whose fields have no names; --field is for JSON\n",
        ),
        ("oops", [], "none of 1 rows can be read"),
    ],
)
def test_what_is_wrong_with_a_log_is_told_in_the_words_of_the_command_line(
    line: str, more: list[str], says: str, log: str, capsys: Capture
) -> None:
    Path(log).write_text(f"{line}\n")
    assert main(["simulate", COALMINE, "--traffic", log, *more]) == 2
    err = capsys.readouterr().err
    assert says in err
    assert "fields=" not in err


def test_a_log_that_is_not_there_is_told(capsys: Capture) -> None:
    assert main(["simulate", COALMINE, "--traffic", "nowhere.log"]) == 2
    assert "nowhere.log: No such file" in capsys.readouterr().err


def test_logs_come_one_after_the_other_through_a_pipe(tmp_path: Path) -> None:
    lines = [f'{{"path":"/findPets","method":"GET","authority":"a","x-canary":"{n}"}}\n' for n in range(5)]
    packed = gzip.compress("".join(lines[:2]).encode()) + gzip.compress("".join(lines[2:]).encode())
    command = [sys.executable, "-m", "canarysim", "simulate", COALMINE, "--traffic", "-", "--by", "kind"]
    done = subprocess.run(command, input=packed, capture_output=True, check=True)
    assert done.stdout.startswith(b"5 requests by kind\n")


def test_a_field_without_a_log_and_a_log_for_two_tables_are_refused(
    log: str, tmp_path: Path, capsys: Capture
) -> None:
    from .test_cli import two_tables

    with pytest.raises(SystemExit):
        main(["simulate", COALMINE, "GET /", "--field", "path=x"])
    manifest = tmp_path / "m.yaml"
    manifest.write_text(two_tables())
    assert main(["simulate", str(manifest), "--traffic", log]) == 2
    assert "--table gateway-proxy or gateway-proxy-ssl" in capsys.readouterr().err
    assert main(["simulate", str(manifest), "--traffic", log, "--table", "gateway-proxy"]) == 1


def test_nothing_of_a_log_steers_a_terminal(log: str, capsys: Capture) -> None:
    Path(log).write_bytes(b'{"path":"/\\u001b[31m","method":"GET","authority":"\xff"}\n\x1b[2Joops\n')
    assert main(["simulate", COALMINE, "--traffic", log]) == 1
    out, err = capsys.readouterr()
    assert "\x1b" not in out + err
    assert "/\\x1b[31m" in out
