"""YAML and JSON text as trees of nodes that know their line and column.

Facts (PyYAML 6 and libyaml; how Kubernetes reads YAML, see also scalars.py):

1. The trees are built from parser events: PyYAML's own composer recurses in C and crashes the process on deep
   nesting, keeps duplicate keys, and builds cycles from aliases. Here depth is limited, a key that stands
   twice is a problem, and an alias to a node that is still open is one too.
2. Aliases share nodes, so reading the text is cheap; walking the tree is not. The number of nodes that aliases
   stand for is therefore limited.
3. ``<<`` merges mappings: keys of the mapping itself win, then those of the first merged one.
4. JSON text is YAML but for escaped surrogate pairs, which are put together before parsing.
5. Envoy's YAML reader knows no ``<<`` and lets the last of two equal keys win; its JSON reader does so for single
   values, and joins mappings and lists. (Observed on 1.36.4 and 1.40.0.)
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import yaml

from canarysim.errors import InvalidValue
from canarysim.problems import Problem, Severity, Where

__all__ = [
    "ENVOY_JSON",
    "ENVOY_YAML",
    "KUBERNETES",
    "Mapping",
    "Node",
    "Rules",
    "Scalar",
    "Sequence",
    "from_python",
    "read_documents",
]

MAX_DEPTH = 200
MAX_ALIASED_NODES = 1_000_000

_NO_MARK = yaml.Mark("", 0, 0, 0, "", 0)
_Loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


class Rules(NamedTuple):
    """What a dialect makes of ``<<`` and of a key that stands twice (facts 3 and 5).

    ``last_wins`` says for which values the last of two equal keys wins, so that they are a warning only. ``json``
    refuses what stands without quotes and is no literal of JSON's.
    """

    merge: bool
    last_wins: tuple[type[Node], ...]
    json: bool = False


class Node:
    """A piece of the text; ``line`` and ``column`` count from 1, None where the tree was made from no text."""

    __slots__ = ("column", "line", "size")

    #: What a node is called in a message to a person.
    kind = "node"

    def __init__(self, mark: Any) -> None:
        self.line: int | None = mark.line + 1
        self.column: int | None = mark.column + 1
        self.size = 1


class Scalar(Node):
    """Text. ``plain`` where it stands without quotes, so that its spelling may mean something else."""

    __slots__ = ("plain", "tag", "text")
    kind = "a single value"

    def __init__(self, mark: Any, text: str, plain: bool, tag: str | None) -> None:
        super().__init__(mark)
        self.text = text
        self.plain = plain
        self.tag = tag


class Mapping(Node):
    """Keys and values in order; keys are unique."""

    __slots__ = ("entries",)
    kind = "a mapping"

    def __init__(self, mark: Any) -> None:
        super().__init__(mark)
        self.entries: dict[str, tuple[Scalar, Node]] = {}

    @classmethod
    def empty(cls, place: Node) -> Mapping:
        """A mapping without keys at the place of another node."""
        mapping = cls(_NO_MARK)
        mapping.line, mapping.column = place.line, place.column
        return mapping

    def without(self, key: str) -> Mapping:
        """The same mapping, but for one key."""
        if key not in self.entries:
            return self
        mapping = self.empty(self)
        mapping.entries = {k: entry for k, entry in self.entries.items() if k != key}
        return mapping

    def get(self, key: str) -> Node | None:
        entry = self.entries.get(key)
        return None if entry is None else entry[1]


class Sequence(Node):
    """Items in order."""

    __slots__ = ("items",)
    kind = "a list"

    def __init__(self, mark: Any) -> None:
        super().__init__(mark)
        self.items: list[Node] = []

    @classmethod
    def of(cls, *items: Node) -> Sequence:
        """A list of nodes at the place of the first."""
        sequence = cls(_NO_MARK)
        sequence.line, sequence.column = items[0].line, items[0].column
        sequence.items = list(items)
        sequence.size += sum(item.size for item in items)
        return sequence


KUBERNETES = Rules(merge=True, last_wins=())
ENVOY_YAML = Rules(merge=False, last_wins=(Node,))
ENVOY_JSON = Rules(merge=False, last_wins=(Scalar,), json=True)


def read_documents(text: str, file: str, rules: Rules = KUBERNETES) -> tuple[list[Node], list[Problem]]:
    """The documents of a text, empty ones left out, and what is wrong with the text.

    After a syntax error the documents before it are returned. Cost: O(length of the text).
    """
    builder = (_JsonBuilder if rules.json else _Builder)(file, rules)
    if text[:1] in "{[" or text.lstrip()[:1] in "{[":
        text = _joined_surrogates(text)
    try:
        for event in yaml.parse(text, Loader=_Loader):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        if "maximum nesting depth" in (error.problem or ""):  # libyaml 0.2.6 counts brackets as it looks ahead
            builder.report("too_deep", f"nested more than {MAX_DEPTH} levels deep", mark)
            return builder.documents, builder.problems
        builder.report("yaml_syntax", _syntax_message(error), mark, _syntax_hint(text, mark))
    except UnicodeError:
        builder.report("yaml_syntax", "the text holds a lone surrogate, which is no text", None)
    except yaml.YAMLError as error:
        builder.report(
            "yaml_syntax", " ".join(str(error).split()), _mark_at(text, getattr(error, "position", None))
        )
    except _Refused:
        pass
    return builder.documents, builder.problems


class _Refused(Exception):
    pass


class _Builder:
    """Takes parser events, builds trees."""

    def __init__(self, file: str, rules: Rules) -> None:
        self.file = file
        self.rules = rules
        self.documents: list[Node] = []
        self.problems: list[Problem] = []
        self._open: list[Node] = []
        self._keys: list[Scalar | None] = []
        self._merges: list[list[Node]] = []
        self._anchors: dict[str, Node] = {}
        self._unfinished: set[int] = set()
        self._aliased = 0

    def _path(self) -> str:
        """The path of what is being read, as in ``spec.routes[1].name``."""
        path = ""
        keys = iter(self._keys)
        for node in self._open:
            if isinstance(node, Sequence):
                path += f"[{len(node.items)}]"
            elif (key := next(keys)) is not None:
                path += f".{key.text}" if path else key.text
        return path

    def report(
        self,
        code: str,
        message: str,
        mark: Any,
        hint: str = "",
        key: str = "",
        severity: Severity = Severity.ERROR,
    ) -> None:
        path = ".".join(part for part in (self._path(), key) if part)
        if isinstance(mark, Node):
            where = Where(self.file, mark.line, mark.column, path)
        elif mark is None:
            where = Where(self.file)
        else:
            where = Where(self.file, mark.line + 1, mark.column + 1)
        self.problems.append(Problem(code, severity, message, where, hint))

    def take(self, event: Any) -> None:
        kind = type(event)
        if kind is yaml.ScalarEvent:
            node = Scalar(event.start_mark, event.value, not event.style, event.tag)
            if event.anchor is not None:
                self._anchors[event.anchor] = node
            self._add(node)
        elif kind is yaml.MappingStartEvent:
            self._start(Mapping(event.start_mark), event)
            self._keys.append(None)
            self._merges.append([])
        elif kind is yaml.SequenceStartEvent:
            self._start(Sequence(event.start_mark), event)
        elif kind is yaml.MappingEndEvent:
            mapping = self._open[-1]
            assert isinstance(mapping, Mapping)
            for merged in self._merges.pop():
                self._merge(mapping, merged)
            self._keys.pop()
            self._end()
        elif kind is yaml.SequenceEndEvent:
            self._end()
        elif kind is yaml.AliasEvent:
            self._alias(event)
        elif kind is yaml.DocumentEndEvent:
            self._anchors.clear()

    def _start(self, node: Node, event: Any) -> None:
        if len(self._open) >= MAX_DEPTH:
            self.report("too_deep", f"nested more than {MAX_DEPTH} levels deep", node)
            raise _Refused
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        self._unfinished.add(id(node))
        self._open.append(node)

    def _end(self) -> None:
        node = self._open.pop()
        self._unfinished.discard(id(node))
        self._add(node)

    def _alias(self, event: Any) -> None:
        node = self._anchors.get(event.anchor)
        if node is None:
            self.report("yaml_syntax", f"the alias *{event.anchor} has no anchor before it", event.start_mark)
            raise _Refused
        if id(node) in self._unfinished:
            self.report("alias_cycle", f"the alias *{event.anchor} stands inside its own anchor", event.start_mark)
            raise _Refused
        self._aliased += node.size
        if self._aliased > MAX_ALIASED_NODES:
            self.report(
                "alias_explosion",
                f"aliases stand for more than {MAX_ALIASED_NODES:,} nodes",
                event.start_mark,
            )
            raise _Refused
        self._add(node)

    def _add(self, node: Node) -> None:
        if not self._open:
            if not (isinstance(node, Scalar) and node.plain and not node.text):
                self.documents.append(node)
            return
        parent = self._open[-1]
        parent.size += node.size
        if isinstance(parent, Sequence):
            parent.items.append(node)
            return
        assert isinstance(parent, Mapping)
        key = self._keys[-1]
        if key is None:
            if not isinstance(node, Scalar):
                hint = "if this is a template, render it first; else quote the key"
                self.report("bad_key", f"{node.kind} cannot be a key", node, hint)
                raise _Refused
            self._keys[-1] = node
            return
        self._keys[-1] = None
        if key.text == "<<" and key.plain and self.rules.merge:
            self._merges[-1] += node.items if isinstance(node, Sequence) else [node]
            return
        known = parent.entries.setdefault(key.text, (key, node))
        if known[0] is not key:
            self._repeated(parent, key, node, known)

    def _repeated(self, parent: Mapping, key: Scalar, node: Node, known: tuple[Scalar, Node]) -> None:
        """A key that stands twice in a mapping."""
        message, severity = f"the key {key.text!r} stands twice in one mapping", Severity.ERROR
        if isinstance(node, self.rules.last_wins) and isinstance(known[1], self.rules.last_wins):
            message, severity = f"{message}; the last one counts", Severity.WARNING
            parent.entries[key.text] = key, node
        hint = f"line {known[0].line} has it too; keep one of the two"
        self.report("duplicate_key", message, key, hint, key.text, severity)

    def _merge(self, mapping: Mapping, merged: Node) -> None:
        if not isinstance(merged, Mapping):
            self.report("bad_merge", f"<< merges mappings, not {merged.kind}", merged)
            return
        for text, entry in merged.entries.items():
            mapping.entries.setdefault(text, entry)


class _JsonBuilder(_Builder):
    """As its base; scalars without quotes are to be literals of JSON's, keys are to be quoted."""

    def _add(self, node: Node) -> None:
        if isinstance(node, Scalar) and node.plain and not re.fullmatch(_JSON_LITERAL, node.text):
            self.report(
                "json_syntax", f"this is not JSON: {node.text[:40] or 'a missing value'}", node, "quote it"
            )
        super()._add(node)


_JSON_LITERAL = r"null|true|false|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?"


def _syntax_message(error: yaml.MarkedYAMLError) -> str:
    parts = [part for part in (error.context, error.problem) if part]
    return "this is not YAML: " + ", ".join(parts)


def _syntax_hint(text: str, mark: Any) -> str:
    """What people most often meant where YAML sees something else."""
    lines = text.splitlines()
    line = lines[mark.line] if mark is not None and mark.line < len(lines) else ""
    if "{{" in text:
        return "this looks like a template: render it first, for instance with helm template"
    if any(each.startswith(("<<<<<<< ", ">>>>>>> ")) for each in lines):
        return "the text has marks of a merge conflict"
    if re.search(r"(?:^|[\s:\[,-])\*", line):
        return "a star begins an alias: quote it, as in '*' or '*.example.com'"
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "indent with blanks, not with tabs"
    return ""


def _mark_at(text: str, position: int | None) -> Any:
    if position is None:
        return None
    column = position - text.rfind("\n", 0, position) - 1
    return yaml.Mark("", position, text.count("\n", 0, position), column, "", 0)


_PAIR = r"(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})"


def _joined_surrogates(text: str) -> str:
    def join(found: re.Match[str]) -> str:
        high, low = int(found[2], 16), int(found[3], 16)
        return found[1] + chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))

    return re.sub(_PAIR, join, text) if "\\u" in text else text


def from_python(value: Any) -> Node:
    """The tree of a value made of dicts, lists, tuples and scalars, as its JSON text would give it.

    Cost: O(size of the value). Raises InvalidValue for what JSON cannot say, and for cycles, as ``too_deep``.

    >>> node = from_python({"name": "1", "weight": 1})
    >>> [(each.text, each.plain) for each in (node.get("name"), node.get("weight"))]
    [('1', False), ('1', True)]
    """
    return _from_python(value, 0, "")


def _from_python(value: Any, depth: int, path: str) -> Node:
    if depth > MAX_DEPTH:
        raise InvalidValue("too_deep", f"{path[:60]}...: nested more than {MAX_DEPTH} levels deep")
    node: Node
    if isinstance(value, dict):
        node = Mapping(_NO_MARK)
        for key, inner in value.items():
            if not isinstance(key, str):
                raise InvalidValue(
                    "bad_key", f"{path or 'the mapping'}: {key!r} is no text, so it cannot be a key"
                )
            child = _from_python(inner, depth + 1, f"{path}.{key}" if path else key)
            node.entries[key] = _placeless_scalar(key, False), child
            node.size += child.size + 1
    elif isinstance(value, list | tuple):
        node = Sequence(_NO_MARK)
        node.items = [_from_python(inner, depth + 1, f"{path}[{i}]") for i, inner in enumerate(value)]
        node.size += sum(item.size for item in node.items)
    elif isinstance(value, str):
        return _placeless_scalar(value, False)
    elif value is None or isinstance(value, bool):
        return _placeless_scalar({None: "null", True: "true", False: "false"}[value], True)
    elif isinstance(value, int):
        return _placeless_scalar(str(int(value)), True)
    elif isinstance(value, float):
        finite = value - value == 0
        return _placeless_scalar(repr(float(value)) if finite else _NOT_FINITE[str(float(value))], finite)
    else:
        raise InvalidValue("bad_type", f"{path or 'the value'}: JSON has nothing like {type(value).__name__}")
    node.line = node.column = None
    return node


_NOT_FINITE = {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}


def _placeless_scalar(text: str, plain: bool) -> Scalar:
    node = Scalar(_NO_MARK, text, plain, None)
    node.line = node.column = None
    return node
