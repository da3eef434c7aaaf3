"""Path templates. `envoy/test_uri_template.py` asks Envoy about all the cases here, and about generated ones."""

import pickle
import random
import re
import time

import attrs
import pytest
import re2  # type: ignore[import-untyped]

from canarysim.errors import InvalidValue
from canarysim.table.uri_template import UriTemplate, UriTemplateRewrite

# Loaded by both versions.
ACCEPTED = """
    / /a /a/ /a/b.c-d_e~ /a%2f/%zz /!$&'()+,;:@= /* /** /*/ /**/ /*/*/*/*/*/*/* /*/** /**/a/b/ /*.ts
    /a/**.ts /*/**/x /{a} /{a}/ /{a=*} /{a=**} /{a=b} /{a=b/*/c} /{a=*/*/**} /{a=**/b} /{a=b=c} /{a==}
    /{a=x*} /{a}.ts /{a=b/*}x /{a=**}x /{a}* /{a=**}* /{a}*b /**/{a=b} /{a=**}/{b=c/d} /{a}/{b}/{c}/{d}/{e}
    /{aaaaaaaaaaaaaaaa} /{A0_} /x* /a*b /*x* /**x /a** /*** /*x** /{a}** /{a=b**}
""".split()

# Loaded by 1.40 only.
MIXED = """
    /x{a} /x{a}/ /{a}x/ /{a}x/b /x{a}y/{b}z/c /{a}*/b /x*{a} /x**{a} /x{a=**}y/b /x{a=*}y/** /{a=b/*}x/y
    /{a=**}.ts/x /a{b}/c{d}/e{f}/g{h}/i{j} /a=b{c} /{v=**}.ts/b /a/b*{c}*d/e
""".split()

# Loaded by none: where it is wrong, and a part of what is said of it.
REFUSED = [
    ("", 0, "begin with '/'"),
    ("a", 0, "begin with '/'"),
    ("*", 0, "begin with '/'"),
    ("//", 1, "empty"),
    ("/a//b", 3, "empty"),
    ("/a//", 3, "empty"),
    ("/{a}//", 5, "empty"),
    ("/a?b", 2, "'?' cannot"),
    ("/a#b", 2, "'#' cannot"),
    ("/a b", 2, "' ' cannot"),
    ("/é", 1, "'é' cannot"),
    ("/[a]", 1, "'[' cannot"),
    ("/a}", 2, "'}' cannot"),
    ("/{a", 1, "not closed"),
    ("/x{a/b", 2, "not closed"),
    ("/{}", 2, "no name"),
    ("/{1}", 2, "no name"),
    ("/{_a}", 2, "no name"),
    ("/{a-b}", 2, "no name"),
    ("/{=a}", 2, "no name"),
    ("/{*}", 2, "no name"),
    ("/{a=}", 4, "empty"),
    ("/{a=/b}", 4, "empty"),
    ("/{a=b/}", 6, "empty"),
    ("/{a=*b}", 4, "whole segment"),
    ("/{a=***}", 4, "whole segment"),
    ("/{a=b/*c}", 6, "whole segment"),
    ("/{a={b}}", 4, "'{' cannot"),
    ("/{aaaaaaaaaaaaaaaaa}", 2, "longer than 16"),
    ("/{a}/{a}", 6, "twice"),
    ("/{a}/{b}/{c}/{d}/{e}/{f}", 22, "more than 5"),
    ("/{a}{b}", 4, "at most one variable"),
    ("/{a}.{b}", 5, "at most one variable"),
    ("/x{a=b/*}", 6, "'/' in its pattern"),
    ("/*{a}", 2, "at most one variable"),
    ("/*x{a}/b", 2, "must end"),
    ("/*.ts/b", 2, "must end"),
    ("/**x/", 3, "must end"),
    ("/**/*", 4, "may follow"),
    ("/**/**", 4, "may follow"),
    ("/**/{a}", 4, "may follow"),
    ("/{a=**/*}", 7, "may follow"),
    ("/{a=**}/b/{c=d/*}", 15, "may follow"),
    ("/" + "a" * 256, 256, "longer than 256"),
]

# A template, paths that fit with what the variables take, and paths that do not.
MATCHES: list[tuple[str, dict[str, dict[str, str]], list[str]]] = [
    ("/", {"/": {}}, ["//", "/a", ""]),
    ("/a/*", {"/a/b": {}, "/a/*=%": {}}, ["/a", "/a/", "/a/b/c", "/a/b/", "/A/b", "/a/é", "/a/[", '/a/"', "/a/|"]),
    ("/a/**", {"/a/": {}, "/a/b/c": {}, "/a//": {}}, ["/a", "/a/[b]", "/a/b\\", "/a/^", "a/"]),
    ("/a/**.ts", {"/a/b/c.ts": {}, "/a/.ts": {}}, ["/a/b/cxts", "/a.ts"]),
    ("/a/**/b", {"/a//b": {}, "/a/c/d/b": {}}, ["/a/b"]),
    ("/a/x*", {"/a/": {}, "/a/x": {}, "/a/xxx": {}}, ["/a/xyb", "/a/x*"]),
    ("/a*b", {"/b": {}, "/ab": {}, "/aab": {}}, ["/a", "/a*b"]),
    ("/$(a)+.b", {"/$(a)+.b": {}}, ["/$a.b", "/$(a)+xb"]),
    ("/%41/{b}", {"/%41/%zz;x": {"b": "%zz;x"}}, ["/A/x"]),
    ("/x{a}y/{b}", {"/xqy/z": {"a": "q", "b": "z"}, "/xyyy/xy": {"a": "yy", "b": "xy"}}, ["/xy/z"]),
    ("/{a=b/*}x", {"/b/qx": {"a": "b/q"}}, ["/b/x", "/bqx"]),
    ("/{a=**}", {"/": {"a": ""}, "/b//c": {"a": "b//c"}}, []),
    ("/{a=**}/b", {"//b": {"a": ""}, "/b/b/b": {"a": "b/b"}}, ["/b"]),
    ("/{a=x*}", {"/": {"a": ""}, "/xx": {"a": "xx"}}, ["/xy"]),
    ("/{a}*", {"/": {"a": ""}, "/bc": {"a": "bc"}}, ["/b/"]),
    ("/{a=**}*", {"/": {"a": ""}, "/b/": {"a": "b/"}}, []),
    ("/{a=xy*}*", {"/xyyxy": {"a": "xy"}, "/xyy": {"a": "xyy"}, "/": {"a": ""}}, ["/yx"]),
    ("/{a=x*y*}*z", {"/z": {"a": ""}, "/xyyxz": {"a": "x"}, "/yz": {"a": "y"}}, ["/zz"]),
    ("/{a=**/x}*y", {"/b/xy": {"a": "b/x"}, "/y": {"a": ""}, "//x/xy": {"a": "/x/x"}}, ["/by"]),
    ("/a**", {}, ["/a", "/", "/a**", "/aa"]),
    ("/***", {}, ["/", "/a", "/***"]),
]

# A rewrite, and a template beside which it is (or why it is not) loaded.
REWRITES = [
    ("/", "/a", None),
    ("/c/{a}", "/{a}", None),
    ("/{a}{a}/x{b}y/", "/{a}/{b}", None),
    ("/*/**/{a}*=%", "/{a}", None),
    ("", "/{a}", "bad_uri_template"),
    ("{a}", "/{a}", "bad_uri_template"),
    ("//", "/{a}", "bad_uri_template"),
    ("/{a}//b", "/{a}", "bad_uri_template"),
    ("/a?b", "/{a}", "bad_uri_template"),
    ("/a b", "/{a}", "bad_uri_template"),
    ("/}", "/{a}", "bad_uri_template"),
    ("/{a}}", "/{a}", "bad_uri_template"),
    ("/{a", "/{a}", "bad_uri_template"),
    ("/{}", "/{a}", "bad_uri_template"),
    ("/{a=*}", "/{a}", "bad_uri_template"),
    ("/" + "a" * 256, "/{a}", "bad_uri_template"),
    ("/{b}", "/{a}", "unknown_template_variable"),
    ("/{a}/{aaaaaaaaaaaaaaaaaaaa}", "/{a}", "unknown_template_variable"),
    ("/x", "/a**", "dead_uri_template"),
    ("/{a}", "/{a}**", "dead_uri_template"),
]

_ANY = """
    / / / / / * ** {a} {b} {c} {d=*} {e=**} {f=x} {g=x/*} {a=x/**/y} {h=x*} {j=*/*} x y xy * x* = { } a {l}
    .ts ? [ $ ( ) + {a_1} {_} {m=} {n=/} {o=x/} {p=*x} % - {r=**/**} {s=*/**} {aaaaaaaaaaaaaaaaa}
""".split()
_SEGMENTS = """
    * ** {a} {b} {c} {d=*} {e=**} {f=x} {g=x/*} {a=x/**/y} {h=x*} {i=xy*x} {j=*/*} {s=*/**} x y xy x* x*y*
    x{a} x{b}y {b}x {c}* {h=x*}* {i=x*y*}*x*y {d=*}*x {e=**}* {g=x/*}*y x*{a} x{b}*y *x **x *x* **y*x $x (x)
    x+y x.y =x {k=**}x {l=xy}y* {m=x/y*/x*}* {n=**/x}*y a** ***
""".split()


def random_template(rng: random.Random) -> str:
    if rng.random() < 0.3:
        return "/" + "".join(rng.choices(_ANY, k=rng.randint(1, 7)))
    return "/" + "/".join(rng.choices(_SEGMENTS, k=rng.randint(1, 4))) + rng.choice(["", "", "", "/"])


def read(template: str) -> UriTemplate | None:
    try:
        return UriTemplate(template)
    except InvalidValue:
        return None


def random_paths(template: str, rng: random.Random, count: int = 6) -> list[str]:
    """Paths that fit or nearly do."""
    shape = re.sub(r"\{\w+=([^}]*)\}", r"\1", template)
    shape = re.sub(r"\{\w+\}", "*", shape)

    def filled(found: re.Match[str]) -> str:
        return "".join(rng.choices("xxxyyab.=*%" + "///" * (found[0] == "**"), k=rng.randint(0, 4)))

    paths = set()
    for _ in range(count):
        path = re.sub(r"(\w)\*(?!\*)", lambda found: found[1] * rng.randint(0, 3), shape)
        path = re.sub(r"\*\*|\*", filled, path)
        if rng.random() < 0.4:
            at = rng.randrange(len(path))
            changed = rng.choice(["", "x", "y", "/", "*", "[", ";", "xy", "//", "."])
            path = path[:at] + changed + path[at + rng.randint(0, 1) :]
        paths.add("/" + path.removeprefix("/"))
    return sorted(paths)


def expression(template: str) -> str:
    """The regular expression that Envoy makes of a template it accepts (it logs those that RE2 refuses)."""

    def part(found: re.Match[str]) -> str:
        if found[0] in {"*", "**"}:
            return "[a-zA-Z0-9-._~%!$&'()+,;:@=*]+" if found[0] == "*" else "[a-zA-Z0-9-._~%!$&'()+,;:@=*/]*"
        if found["name"]:
            return f"(?P<{found['name']}>{expression('/' + (found['pattern'] or '*'))[1:]})"
        return "\\" + found[0]

    return re.sub(r"\{(?P<name>\w+)=?(?P<pattern>[^}]*)\}|(?<=/)\*\*?|[$()+.]", part, template)


@pytest.mark.parametrize("template", ACCEPTED)
def test_accepted_by_both(template: str) -> None:
    assert (UriTemplate(template).refused_by("1.36"), UriTemplate(template).refused_by("1.40")) == (None, None)


@pytest.mark.parametrize("template", MIXED)
def test_accepted_by_the_newer_alone(template: str) -> None:
    assert UriTemplate(template).refused_by("1.36")
    assert UriTemplate(template).refused_by("1.40") is None


@pytest.mark.parametrize(("template", "position", "reason"), REFUSED)
def test_refused_with_place_and_reason(template: str, position: int, reason: str) -> None:
    with pytest.raises(InvalidValue, match=re.escape(reason)) as refused:
        UriTemplate(template)
    assert refused.value.code == "bad_uri_template"
    assert refused.value.values["position"] == position
    assert reason in refused.value.values["reason"]


@pytest.mark.parametrize(("template", "fit", "others"), MATCHES)
def test_matches_and_captures(template: str, fit: dict[str, dict[str, str]], others: list[str]) -> None:
    uri_template = UriTemplate(template)
    assert {path: uri_template.capture(path) for path in fit} == fit
    assert all(uri_template.matches(path) for path in fit)
    assert [path for path in others if uri_template.matches(path) or uri_template.capture(path) is not None] == []
    assert uri_template.matches_nothing == (not fit)


def test_matches_and_captures_are_those_of_re2() -> None:
    rng = random.Random()
    options = re2.Options()
    options.log_errors = False
    counted = {"dead": 0, "missed": 0, "captured": 0}
    for text in {random_template(rng) for _ in range(2500)}:
        template = read(text)
        if template is None:
            continue
        try:
            oracle = re2.compile(expression(text), options)
        except re2.error:
            assert (template.matches_nothing, template.example()) == (True, None)
            counted["dead"] += 1
            continue
        assert not template.matches_nothing
        assert template.variables == tuple(sorted(oracle.groupindex, key=oracle.groupindex.__getitem__))
        assert oracle.fullmatch(template.example())
        reading = template._reading
        assert reading.expression is not None
        assert reading.program is not None
        for path in random_paths(text, rng):
            found = oracle.fullmatch(path)
            captured = found and {name: value or "" for name, value in found.groupdict().items()}
            fits = found is not None
            answers = template.matches(path), template.capture(path)
            assert answers == (fits, captured), (text, path)
            counted["captured" if captured else "missed"] += 1
    assert min(counted.values()) > 20, counted


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("/" + "x*" * 127, "/" + "x" * 100_000 + "y"),
        ("/" + "x*" * 60 + "{a}*" + "x*" * 60 + "/", "/" + "x" * 100_000),
        ("/*/*/*/{a}/**", "/a/b/c/d" + "/x" * 50_000 + "["),
        ("/{a=x*y*}*z/{b=*/x}*x/{c=**}*y", "/" + "xy" * 25_000 + "z/" + "/x" * 25_000),
    ],
)
def test_time_grows_linearly(template: str, path: str) -> None:
    uri_template = UriTemplate(template)
    began = time.perf_counter()
    assert not uri_template.matches(path)
    assert uri_template.capture(path) is None
    assert time.perf_counter() - began < 5  # a tenth of it is usual; what is quadratic takes hours


@pytest.mark.parametrize(("rewrite", "template", "code"), REWRITES)
def test_rewrites_are_checked(rewrite: str, template: str, code: str | None) -> None:
    if code is None:
        UriTemplateRewrite(rewrite).check(UriTemplate(template))
        return
    with pytest.raises(InvalidValue) as refused:
        UriTemplateRewrite(rewrite).check(UriTemplate(template))
    assert refused.value.code == code


def test_a_rewrite_is_filled_in() -> None:
    rewrite = UriTemplateRewrite("/x{b}{a}/{b}*")
    assert rewrite.variables == ("b", "a")
    assert rewrite.apply({"a": "1/2", "b": "", "c": "3"}) == "/x1/2/*"
    with pytest.raises(KeyError):
        rewrite.apply({"a": "1"})


def test_they_are_values() -> None:
    template, rewrite = UriTemplate("/a/{b}*"), UriTemplateRewrite("/{b}")
    assert repr(template) == "UriTemplate(text='/a/{b}*')"
    for value in (template, rewrite):
        assert pickle.loads(pickle.dumps(value)) == value == attrs.evolve(value)
        assert hash(value) == hash(attrs.evolve(value))
    assert pickle.loads(pickle.dumps(template)).capture("/a/c") == {"b": "c"}
    assert attrs.evolve(template, text="/{c}").capture("/d") == {"c": "d"}
    assert template != UriTemplate("/a/{b}")
