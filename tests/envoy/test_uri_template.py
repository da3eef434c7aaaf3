"""Path templates: `canarysim.table.uri_template` against Envoy itself."""

import json
import random
import re
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from canarysim.errors import InvalidValue
from canarysim.table.uri_template import UriTemplate, UriTemplateRewrite

from ..test_uri_template import ACCEPTED, MATCHES, MIXED, REFUSED, REWRITES, random_paths, random_template, read
from .configuration import bootstrap
from .judge import Judge, JudgeError, Raw, Table, Verdict, Version, require_envoy, type_url

OLD = {"envoy.reloadable_features.uri_template_mixed_variable_literals": False}
QUERY = "?q=/{a}"

Rule = tuple[str, str | None]  # a template and a rewrite


def host(number: int, template: str, rewrite: str | None, match: Mapping[str, Any]) -> dict[str, Any]:
    """A virtual host with a route named "hit", and another for what does not fit."""
    policy = {"@type": type_url("path.match.uri_template.v3.UriTemplateMatchConfig"), "path_template": template}
    rewriter = {
        "@type": type_url("path.rewrite.uri_template.v3.UriTemplateRewriteConfig"),
        "path_template_rewrite": rewrite,
    }
    return {
        "name": f"v{number}",
        "domains": [f"h{number}"],
        "routes": [
            {
                "name": "hit",
                "match": {"path_match_policy": {"name": "match", "typed_config": policy}, **match},
                "route": {
                    "cluster": "c",
                    **(
                        {} if rewrite is None else {"path_rewrite_policy": {"name": "r", "typed_config": rewriter}}
                    ),
                },
            },
            {"match": {"prefix": ""}, "direct_response": {"status": 200}},
        ],
    }


def table(rules: Sequence[Rule], match: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"virtual_hosts": [host(number, *rule, match or {}) for number, rule in enumerate(rules)], **more}


def refusals(
    version: Version, rules: Sequence[Rule], runtime: Mapping[str, Any] | None = None
) -> list[str | None]:
    """Why Envoy does not load each rule; None where it does.

    A file of listeners, one a rule, is loaded by one Envoy, which says what is wrong with each: some 2 ms a rule.
    """
    with tempfile.TemporaryDirectory(prefix="judge-", dir="/tmp") as folder:
        config = bootstrap(folder, [(table([rule]), {}) for rule in rules], {"c": f"{folder}/up"}, runtime or {})
        listeners = config["static_resources"].pop("listeners")
        for number, listener in enumerate(listeners):
            listener |= {
                "@type": "type.googleapis.com/envoy.config.listener.v3.Listener",
                "name": f"rule {number}",
                "bind_to_port": False,
            }
        Path(folder, "lds.json").write_text(json.dumps({"resources": listeners}))
        source = {"path_config_source": {"path": f"{folder}/lds.json"}, "resource_api_version": "V3"}
        config |= {"node": {"id": "judge", "cluster": "judge"}, "dynamic_resources": {"lds_config": source}}
        Path(folder, "envoy.json").write_text(json.dumps(config))
        said = _said(version, folder, len(rules))
    loaded = {int(number) for number in re.findall(r"add/update listener 'rule (\d+)'", said)}
    reasons = re.search(r"rror adding/updating listener\(s\) (.*?)(?=\n@@|\Z)", said, re.DOTALL)
    parts = re.split(r"(?:^|\n)rule (\d+): ", reasons[1]) if reasons else [""]
    refused = dict(zip(map(int, parts[1::2]), parts[2::2], strict=True))
    assert sorted([*loaded, *refused]) == list(range(len(rules)))
    return [refused.get(number) for number in range(len(rules))]


def _said(version: Version, folder: str, count: int) -> str:
    """What an Envoy writes until it has loaded or refused all listeners of its file."""
    command = [str(require_envoy(version)), "-c", f"{folder}/envoy.json", "--disable-hot-restart"]
    command += ["--concurrency", "1", "--log-level", "info", "--log-format", "@@%v"]
    with Path(folder, "stderr").open("wb") as stderr:
        envoy = subprocess.Popen(command, stdout=stderr, stderr=stderr)
    deadline = time.monotonic() + 30
    try:
        while True:
            said = Path(folder, "stderr").read_text("utf-8", "replace")
            # The refusals are written at once, and last.
            if re.search(r"update rejected.*\n\Z", said, re.DOTALL) or said.count("add/update listener") == count:
                return said
            if envoy.poll() is not None or time.monotonic() > deadline:
                raise JudgeError(f"Envoy {version} does not load the listeners: {said[-3000:]}")
            time.sleep(0.01)
    finally:
        envoy.kill()
        envoy.wait()


def predicted(version: str, template: str, rewrite: str | None = None) -> bool:
    """Whether Envoy loads it."""
    try:
        matcher = UriTemplate(template)
        if rewrite is not None:
            UriTemplateRewrite(rewrite).check(matcher)
    except InvalidValue:
        return False
    return matcher.refused_by(version) is None


def differences(
    version: Version, rules: Sequence[Rule], runtime: Mapping[str, Any] | None = None
) -> list[tuple[Rule, str | None]]:
    like = "1.36" if runtime else version
    found = zip(rules, refusals(version, rules, runtime), strict=True)
    return [(rule, reason) for rule, reason in found if (reason is None) != predicted(like, *rule)]


def test_the_cases_are_loaded_and_refused(envoy: Version) -> None:
    both, newer = [(each, None) for each in ACCEPTED], [(each, None) for each in MIXED]
    neither = [(template, None) for template, _, _ in REFUSED if template]
    reasons = refusals(envoy, [*both, *newer, *neither])
    assert [rule for rule, reason in zip(both, reasons, strict=False) if reason] == []
    loaded = [reason is None for reason in reasons[len(both) :]]
    assert loaded == [envoy == "1.40"] * len(newer) + [False] * len(neither)
    with_rewrite = [(template, rewrite) for rewrite, template, _ in REWRITES if rewrite]
    expected = [code is None for rewrite, _, code in REWRITES if rewrite]
    assert [reason is None for reason in refusals(envoy, with_rewrite)] == expected


@pytest.mark.parametrize(
    "place", ["/a{}b", "/*{}", "/{}{{a}}", "/{{a=b{}}}", "/{{a{}}}", "/{{{}}}", "/{{a}}|/a{}b"]
)
def test_every_character_is_taken_or_refused_alike(envoy: Version, place: str) -> None:
    template, bar, rewrite = place.partition("|")
    characters = [chr(code) for code in (*range(0x20, 0x80), 0xA0, 0xE9)]
    rules = [(template.format(each), rewrite.format(each) if bar else None) for each in characters]
    assert differences(envoy, rules) == []


def test_random_templates_are_loaded_and_refused_alike(envoy: Version) -> None:
    # The guard is one of 1.40; 1.36 knows nothing of it.
    for runtime in (None,) if envoy == "1.36" else (None, OLD):
        rng = random.Random()
        rules = [(template, None) for template in sorted({random_template(rng) for _ in range(250)})]
        assert differences(envoy, rules, runtime) == []


def test_random_rewrites_are_loaded_and_refused_alike(envoy: Version) -> None:
    rng = random.Random()
    pieces = "/ / / x y {a} {b} {c} * ** { } {a=*} ? . {} {1} {a_} [ ( + $ % @ // {aaaaaaaaaaaaaaaaaaa}".split()
    templates = ["/{a}/{b}", "/{c=**}*", "/a**/{a}", "/a"]
    rewrites = sorted({"/" + "".join(rng.choices(pieces, k=rng.randrange(5))) for _ in range(200)})
    assert differences(envoy, [(rng.choice(templates), rewrite) for rewrite in rewrites]) == []


def ask(
    version: Version, asked: Sequence[tuple[Rule, str]], match: Mapping[str, Any] | None = None
) -> list[Verdict]:
    numbers = {rule: number for number, rule in enumerate(dict.fromkeys(rule for rule, _ in asked))}
    with Judge(version, [(table(list(numbers), match), {})]) as judge:
        return judge.ask(0, [Raw(path, host=f"h{numbers[rule]}") for rule, path in asked])


def telling(template: UriTemplate) -> str | None:
    """A rewrite that shows what each variable takes; none where Envoy would not load one."""
    if template.matches_nothing:
        return None
    return "/c" + "".join(f"@{number}{{{name}}}" for number, name in enumerate(template.variables))


def check(version: Version, templates: Sequence[UriTemplate], paths: Sequence[Sequence[str]]) -> dict[str, int]:
    """Compares each template's paths with what Envoy makes of them; how many there were of each kind."""
    pairs = [(template, path) for template, some in zip(templates, paths, strict=True) for path in some]
    verdicts = ask(version, [((one.text, telling(one)), path + QUERY) for one, path in pairs])
    counted = {"missed": 0, "hit": 0, "captured": 0}
    for (template, path), verdict in zip(pairs, verdicts, strict=True):
        captured = template.capture(path)
        fits = template.matches(path)
        sent = verdict.path, verdict.header("x-envoy-original-path")
        assert fits == (captured is not None)
        assert (verdict.route == "hit") == fits, (template, path)
        if captured is not None:
            rewrite = telling(template)
            assert rewrite is not None
            expected = UriTemplateRewrite(rewrite).apply(captured) + QUERY, [path + QUERY]
            assert sent == expected, (template, path, captured)
        counted["captured" if captured else "hit" if fits else "missed"] += 1
    return counted


def test_the_cases_match_and_capture_alike(envoy: Version) -> None:
    cases = [(UriTemplate(text), fit, others) for text, fit, others in MATCHES]
    cases = [case for case in cases if case[0].refused_by(envoy) is None]
    paths = [
        [path for path in (*fit, *others) if path.startswith("/") and path.isascii()] for _, fit, others in cases
    ]
    counted = check(envoy, [case[0] for case in cases], paths)
    assert min(counted.values()) > 5


def test_random_paths_match_and_capture_alike(envoy: Version) -> None:
    rng = random.Random()
    read_ones = [read(text) for text in sorted({random_template(rng) for _ in range(600)})]
    templates = [one for one in read_ones if one is not None and one.refused_by(envoy) is None]
    counted = check(envoy, templates, [random_paths(one.text, rng) for one in templates])
    assert min(counted.values()) > 10, counted


def test_examples_match(envoy: Version) -> None:
    templates = [UriTemplate(text) for text in (ACCEPTED if envoy == "1.36" else ACCEPTED + MIXED)]
    examples = [one.example() for one in templates]
    asked = [((one.text, None), path) for one, path in zip(templates, examples, strict=True) if path is not None]
    assert {verdict.route for verdict in ask(envoy, asked)} == {"hit"}


# What the manager or the route is set to, the template, the target, and what /c/{b} makes of it (None: no match).
SETTINGS: list[tuple[dict[str, Any], dict[str, Any], str, str, str | None]] = [
    ({}, {}, "/a/{b}", "/a/x?", "/c/x?"),
    ({}, {"case_sensitive": False}, "/a/{b}", "/A/x", None),
    ({}, {"case_sensitive": False}, "/a/{b}", "/a/X", "/c/X"),
    ({"normalize_path": True}, {}, "/a/{b}", "/y/../a/%78?q", "/c/x?q"),
    ({"normalize_path": True}, {}, "/a/{b}", "/a/{", "/c/%7B"),
    ({"normalize_path": True}, {}, "/a/{b}", "/a/[", None),
    ({"merge_slashes": True}, {}, "/a/{b}", "//a///x", "/c/x"),
    ({}, {}, "/a/{b}", "/a//x", None),
    ({"path_with_escaped_slashes_action": "UNESCAPE_AND_FORWARD"}, {}, "/a/{b=**}", "/a/x%2fy", "/c/x/y"),
    ({"ignore": True}, {}, "/a/{b}", "/a;v=1/x", None),
    ({"ignore": True}, {}, "/a/{b}", "/a/x;v=1", "/c/x;v=1"),
    ({"ignore": True}, {}, "/a;v=1/{b}", "/a;v=1/x", "/c/x"),
]


def test_what_the_template_sees(envoy: Version) -> None:
    tables: list[Table] = []
    for settings, match, template, _, _ in SETTINGS:
        ignore = {"ignore_path_parameters_in_path_matching": "ignore" in settings}
        manager = {name: value for name, value in settings.items() if name != "ignore"}
        tables.append((table([(template, "/c/{b}")], match, **ignore), manager))
    with Judge(envoy, tables) as judge:
        verdicts = [judge.ask(n, [Raw(case[3], host="h0")])[0] for n, case in enumerate(SETTINGS)]
    found = [verdict.path if verdict.route == "hit" else None for verdict in verdicts]
    assert found == [case[-1] for case in SETTINGS]
