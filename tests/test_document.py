"""YAML and JSON text as positioned trees, and everything wrong with a text."""

from __future__ import annotations

import json

import pytest

from canarysim.manifests.document import MAX_DEPTH, Mapping, Node, Scalar, Sequence, read_documents


def plain(node: Node) -> object:
    if isinstance(node, Mapping):
        return {key: plain(value) for key, (_, value) in node.entries.items()}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    assert isinstance(node, Scalar)
    return node.text


def one(text: str) -> Node:
    documents, problems = read_documents(text, "f.yaml")
    assert not problems
    (document,) = documents
    return document


def test_every_node_knows_its_line_and_column() -> None:
    document = one("# c\na:\n  - b: 'x'\n    c:  y\n")
    assert isinstance(document, Mapping)
    inner = document.get("a")
    assert isinstance(inner, Sequence)
    item = inner.items[0]
    assert isinstance(item, Mapping)
    key, value = item.entries["c"]
    assert (key.line, key.column, value.line, value.column) == (4, 5, 4, 9)
    assert isinstance(value, Scalar)
    assert value.plain
    quoted = item.get("b")
    assert isinstance(quoted, Scalar)
    assert not quoted.plain


def test_documents_are_read_one_by_one_and_empty_ones_left_out() -> None:
    documents, problems = read_documents("a: 1\n---\n---\n# nothing\n---\nb: 2\n...\n", "f")
    assert not problems
    assert [plain(d) for d in documents] == [{"a": "1"}, {"b": "2"}]


def test_aliases_and_merges_mean_what_they_stand_for() -> None:
    text = "base: &b {x: 1, y: 2}\nuse: *b\nmerged: {<<: *b, y: 3}\nseveral: {<<: [{x: 4}, *b]}\n"
    assert plain(one(text)) == {
        "base": {"x": "1", "y": "2"},
        "use": {"x": "1", "y": "2"},
        "merged": {"y": "3", "x": "1"},
        "several": {"x": "4", "y": "2"},
    }


@pytest.mark.parametrize(
    ("text", "code", "line", "path"),
    [
        ("a: 1\nb: 2\na: 3\n", "duplicate_key", 3, "a"),
        ("a:\n- b: {c: 1, c: 2}\n", "duplicate_key", 2, "a[0].b.c"),
        ("a: [1, 2\nb: 3\n", "yaml_syntax", 2, ""),
        ("a: 1\n\tb: 2\n", "yaml_syntax", 2, ""),
        ("a: *nowhere\n", "yaml_syntax", 1, ""),
        ("a: &x [*x]\n", "alias_cycle", 1, ""),
        ("{a: 1}: 2\n", "bad_key", 1, ""),
        ("a: {<<: 3}\n", "bad_merge", 1, ""),
        ("a: " + "[" * (MAX_DEPTH + 1), "too_deep", 1, ""),
        ("a: b\x00c", "yaml_syntax", 1, ""),
    ],
)
def test_what_is_wrong_with_a_text_is_located(text: str, code: str, line: int, path: str) -> None:
    _, problems = read_documents(text, "f.yaml")
    assert [p.code for p in problems] == [code]
    assert (problems[0].where.file, problems[0].where.line) == ("f.yaml", line)
    if path:
        assert problems[0].where.path == path


def test_forty_thousand_brackets_are_a_problem_and_no_crash() -> None:
    _, problems = read_documents("[" * 40_000, "f")
    assert [p.code for p in problems] == ["too_deep"]


def test_a_bomb_of_aliases_is_refused_at_once() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 60)]
    _, problems = read_documents("\n".join(lines), "f")
    assert [p.code for p in problems] == ["alias_explosion"]


def test_documents_before_a_mistake_are_kept() -> None:
    documents, problems = read_documents("a: 1\n---\nb: [\n", "f")
    assert [plain(d) for d in documents] == [{"a": "1"}]
    assert len(problems) == 1


@pytest.mark.parametrize(
    "value",
    [
        {"a": "\U0001f600 \\ud83d é \u20ac"},
        {"b": [1, True, None, {"c": "x\ny\t\"'\\"}]},
        {"/": "\\\\ud83d\\ude00"},
    ],
)
@pytest.mark.parametrize("indent", [None, 2, "\t"])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_json_is_read_as_json(value: object, indent: int | str | None, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)

    def as_text(value: object) -> object:
        if isinstance(value, dict):
            return {key: as_text(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [as_text(inner) for inner in value]
        return value if isinstance(value, str) else json.dumps(value)

    assert plain(one(text)) == as_text(value)
