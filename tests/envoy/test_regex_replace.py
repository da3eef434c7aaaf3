"""`Regex.replace_all` against Envoy itself: `regex_rewrite` on paths, and what it does around the replacing.

Paths are ASCII on the wire. Other bytes come in by a header whose value header_to_metadata rewrites, by the same
function of Envoy's, and which is sent upstream.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from canarysim.table import regex
from canarysim.table.regex._syntax import Encoding

from ..test_regex_laws import ours
from ..test_regex_replace import CHARACTERS, PIECES, REWRITES, random_pattern
from .judge import Judge, Raw, Table, Verdict, Version, type_url

RUNTIME = {"re2.max_program_size.error_level": 1000}
ENCODINGS: Mapping[Version, Encoding] = {"1.36": "utf-8", "1.40": "latin-1"}
SUBSTITUTIONS = [
    "-",
    "<\\0>",
    "<\\1>",
    "<\\1|\\2|\\3>",
    "[\\0\\1\\2]",
    "\\2\\1",
    "x\\q\\1",
    "\\\\$1&",
    "x\\",
    "",
    "\\10",
]

Triple = tuple[str, str, str]  # pattern, substitution, path or text


def rewriting(rules: Sequence[tuple[str, str]]) -> Table:
    """A virtual host for each rule, named by its number."""

    def host(number: int, pattern: str, substitution: str) -> dict[str, Any]:
        rewrite = {"pattern": {"regex": pattern}, "substitution": substitution}
        return {
            "name": f"v{number}",
            "domains": [f"h{number}"],
            "routes": [{"match": {"prefix": ""}, "route": {"cluster": "c", "regex_rewrite": rewrite}}],
        }

    return {"virtual_hosts": [host(number, *rule) for number, rule in enumerate(rules)]}, {}


def ask(version: Version, triples: Sequence[Triple]) -> list[Verdict]:
    numbers = {rule: number for number, rule in enumerate(dict.fromkeys(triple[:2] for triple in triples))}
    requests = [Raw(path, host=f"h{numbers[pattern, substitution]}") for pattern, substitution, path in triples]
    with Judge(version, [rewriting(list(numbers))], runtime=RUNTIME) as judge:
        return judge.ask(0, requests)


def expected(version: Version, triple: Triple) -> str:
    """The path sent upstream: an empty one is sent by 1.36 only; the query stays."""
    pattern, substitution, target = triple
    path, mark, query = target.partition("?")
    replaced = regex.compile(pattern, ENCODINGS[version]).replace_all(path, substitution)
    return (replaced or ("" if version == "1.36" else path)) + mark + query


def differences(version: Version, triples: Sequence[Triple]) -> list[tuple[Triple, str | None, str]]:
    verdicts = zip(triples, ask(version, triples), strict=True)
    return [
        (triple, verdict.path, expected(version, triple))
        for triple, verdict in verdicts
        if (verdict.path or "") != expected(version, triple)
    ]


def test_the_cases_are_what_envoy_does(envoy: Version) -> None:
    triples = [
        (pattern, substitution, path + query)
        for pattern, substitution, path, _ in REWRITES
        for query in ("", "?a/b=foo/v1/x")
        if path.startswith("/") and "\n" not in path + substitution
    ]
    assert len(triples) > 60
    assert differences(envoy, triples) == []


LARGEST_PROGRAM = RUNTIME["re2.max_program_size.error_level"]


def generated(version: Version, random: Random, rules: int, paths: int) -> list[Triple]:
    triples: list[Triple] = []
    while len(triples) < rules * paths:
        pattern = random_pattern(random, random.randint(0, 4))
        mine = ours(pattern, ENCODINGS[version])
        if not pattern or mine is None or not mine.replaces or mine.program_size > LARGEST_PROGRAM:
            continue
        substitution = random.choice(SUBSTITUTIONS)
        found = {"/" + "".join(random.choices(PIECES, k=random.randrange(12))) for _ in range(2 * paths)}
        triples += [(pattern, substitution, path) for path in sorted(found)[:paths]]
    return triples


def test_generated_rewrites_are_what_envoy_does(envoy: Version) -> None:
    triples = generated(envoy, Random(), 150, 5)
    assert differences(envoy, triples) == []


def test_a_rewrite_leaves_the_original_path_behind_even_where_nothing_matches(envoy: Version) -> None:
    triples = [
        ("y", "z", "/x?y"),
        ("x", "\\1", "/x?y"),
        ("x", "x", "/x"),
        ("^/x$", "", "/x?y"),
    ]
    verdicts = ask(envoy, triples)
    kept = [verdict.header("x-envoy-original-path") for verdict in verdicts]
    # Only 1.36 sends an empty path; 1.40 then takes no notice of the rewrite.
    assert kept == [["/x?y"], ["/x?y"], ["/x"], ["/x?y"] if envoy == "1.36" else []]
    assert [verdict.path for verdict in verdicts] == ["/x?y", "/x?y", "/x", "?y" if envoy == "1.36" else "/x?y"]


def metadata_rewriting() -> Table:
    """The header x-new-7 sent upstream is what became of the value of x-old-7 by case 7."""
    rules = [
        {
            "header": f"x-old-{number}",
            "on_header_present": {
                "metadata_namespace": "ns",
                "key": f"k{number}",
                "regex_value_rewrite": {"pattern": {"regex": pattern}, "substitution": substitution},
            },
        }
        for number, (pattern, substitution, *_) in enumerate(CHARACTERS)
    ]
    filters = [
        {
            "name": "rewrite",
            "typed_config": {
                "@type": type_url("filters.http.header_to_metadata.v3.Config"),
                "request_rules": rules,
            },
        },
        {"name": "router", "typed_config": {"@type": type_url("filters.http.router.v3.Router")}},
    ]
    added = [
        {
            "header": {"key": f"x-new-{number}", "value": f"[%DYNAMIC_METADATA(ns:k{number})%]"},
        }
        for number in range(len(CHARACTERS))
    ]
    route = {"match": {"prefix": ""}, "route": {"cluster": "c"}}
    host = {"name": "v", "domains": ["*"], "routes": [route]}
    return {"virtual_hosts": [host], "request_headers_to_add": added}, {"http_filters": filters}


def test_characters_are_stepped_over_as_envoy_does(envoy: Version) -> None:
    column = 3 if envoy == "1.36" else 4
    requests = [Raw(headers=[(f"x-old-{number}", case[2])]) for number, case in enumerate(CHARACTERS)]
    with Judge(envoy, [metadata_rewriting()], runtime=RUNTIME) as judge:
        verdicts = judge.ask(0, requests)
    seen = [verdict.header(f"x-new-{number}") for number, verdict in enumerate(verdicts)]
    assert seen == [[f"[{case[column]}]"] for case in CHARACTERS]
