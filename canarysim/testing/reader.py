"""Reads the nodes of a test file by declaration: the types that only test files have."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

from canarysim.errors import CanarysimError, near
from canarysim.manifests.document import Mapping, Node, Scalar, Sequence
from canarysim.manifests.fields import STRING, Reader, Whole, last_name, shown
from canarysim.manifests.scalars import is_null
from canarysim.request import Request
from canarysim.testing.fields import (
    BOUNDS,
    EXPECTATION,
    HEADER_VALUES,
    LINES,
    REQUEST,
    REQUESTS,
    SHARE,
    SHARE_OR_BOUNDS,
    SPLIT,
    SPLIT_PART,
    Choice,
    OneOrMany,
)
from canarysim.testing.shares import Bounds, as_share

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from canarysim.manifests.fields import Message, Record, Type

__all__ = ["TestFileReader"]

#: What people write for fields that are called otherwise.
_MEANT = {
    "Request": {"host": "authority", "uri": "path", "url": "path", "query": "path", "verb": "method"},
    "Expectation": {"location": "redirect", "path": "path_rewrite", "host": "host_rewrite", "code": "status"},
    "Test": {"requests": "request", "expected": "expect", "test_name": "name", "validate": "expect"},
}

#: More requests than these in one test are a mistake in its lists.
MAX_REQUESTS = 10_000


class TestFileReader(Reader):
    """A reader that takes one value where a list may stand, and refuses a field without a value."""

    __test__ = False  # pytest would take it for a class of tests

    def message(self, message: Message, node: Node, path: str) -> Record | None:
        if isinstance(node, Mapping):
            for key, (_, value) in node.entries.items():
                if isinstance(value, Scalar) and is_null(value):
                    text = f"{key} has no value"
                    self.error(
                        "no_value", text, value, f"{path}.{key}" if path else key, "write one, or remove it"
                    )
        return super().message(message, node, path)

    def value(self, kind: Type, node: Node, path: str) -> Any:
        if isinstance(kind, OneOrMany):
            return self._several(kind.item, node, path)
        if isinstance(kind, Choice):
            return self._choice(kind, node, path)
        if kind is REQUESTS:
            return self._requests(node, path)
        if kind is HEADER_VALUES:
            return self._header_values(node, path)
        if kind is LINES:
            return self._lines(node, path)
        if kind is SHARE or kind is SHARE_OR_BOUNDS:
            return self._share(node, path, bounds=kind is SHARE_OR_BOUNDS)
        if kind is SPLIT:
            return self._split(node, path)
        if isinstance(kind, Whole) and isinstance(node, Scalar) and not node.plain:
            self.error(
                "wrong_type", f"{last_name(path)} must be a number, not text", node, path, "remove the quotes"
            )
            return None
        return super().value(kind, node, path)

    def _unknown_field(self, record: Record, key: str, node: Node, path: str) -> None:
        if record.message is EXPECTATION and key == "upstream_request":
            record.misspelt = True
            text = "what a function makes of a request is not compared in test files"
            hint = "expect function:, or compare upstream_request of table.route(...) in a test in Python"
            self.error("not_offered", text, node, path, hint)
        elif meant := _MEANT.get(record.message.name, {}).get(key):
            record.misspelt = True
            text = f"unknown field {key!r} in {record.message.name}"
            self.error("unknown_field", text, node, path, f"did you mean {meant}?")
        else:
            super()._unknown_field(record, key, node, path)

    def _several(self, item: Type, node: Node, path: str) -> list[Any] | None:
        if not isinstance(node, Sequence):
            value = self.value(item, node, path)
            return None if value is None else [value]
        if not node.items:
            self.error("empty_list", f"{last_name(path)} is an empty list", node, path, "write at least one")
            return None
        values = [self.value(item, each, f"{path}[{i}]") for i, each in enumerate(node.items)]
        return [value for value in values if value is not None]

    def _choice(self, kind: Choice, node: Node, path: str) -> str | None:
        if isinstance(node, Scalar) and node.text in kind.words:
            return node.text
        similar = near(node.text, kind.words, 1) if isinstance(node, Scalar) else []
        hint = f"did you mean {similar[0]}?" if similar else ""
        words = " or ".join(kind.words)
        self.error("wrong_type", f"{last_name(path)} must be {words}, not {shown(node)}", node, path, hint)
        return None

    # Requests

    def _requests(self, node: Node, path: str) -> list[Request]:
        if isinstance(node, Sequence):
            if not node.items:
                self.error("empty_list", f"{last_name(path)} is an empty list", node, path, "write a request")
            return [r for i, item in enumerate(node.items) for r in self._requests(item, f"{path}[{i}]")]
        if isinstance(node, Mapping):
            record = self.message(REQUEST, node, path)
            return [] if record is None else list(self._multiplied(record, path))
        text = super().value(STRING, node, path)
        try:
            return [] if text is None else [Request.parse(text)]
        except CanarysimError as error:
            self.error(getattr(error, "code", "bad_request_text"), str(error), node, path)
            return []

    def _multiplied(self, record: Record, path: str) -> Iterator[Request]:
        """A request for each combination of what stands in lists, the last field changing fastest."""
        if "" in record.get("method", ()):
            self.error(
                "bad_method",
                "method is empty",
                record.keys["method"][0],
                f"{path}.method",
                "write GET, or remove it",
            )
            return
        if record.lacks("path"):
            hint = "add path: /, or a list of paths"
            self.error("missing_field", f"{last_name(path)} names no path", record.node, path, hint)
        if "path" not in record:
            return
        headers = record.get("headers", {})
        axes = [
            record.get("authority", [""]),
            record.get("method", ["GET"]),
            record["path"],
            record.get("scheme", [None]),
            *([(name, lines) for lines in several] for name, several in headers.items()),
        ]
        number = 1
        for axis in axes:
            number *= len(axis)
        if number > MAX_REQUESTS:
            text = f"the lists of {last_name(path)} multiply to {number:,} requests, more than {MAX_REQUESTS:,}"
            self.error("too_many_requests", text, record.node, path, "write several tests with shorter lists")
            return
        fixed = {name: record[name] for name in ("body", "certificate", "address", "internal") if name in record}
        if "metadata" in record:
            fixed["metadata"] = {name: _plain(node) for name, node in record["metadata"].items()}
        for authority, method, target, scheme, *fields in product(*axes):
            pairs = [(name, line) for name, lines in fields for line in lines]
            try:
                yield Request(target, method=method, authority=authority, scheme=scheme, headers=pairs, **fixed)
            except (CanarysimError, TypeError) as error:
                self.error(getattr(error, "code", "bad_request"), str(error), record.node, path)
                return

    def _header_values(self, node: Node, path: str) -> list[tuple[str, ...]] | None:
        """The lines that a header has in each request."""
        if not isinstance(node, Sequence):
            lines = self._one_header(node, path)
            return None if lines is None else [lines]
        if not node.items:
            self.error("empty_list", f"{last_name(path)} is an empty list", node, path, "write null for no header")
            return None
        found = [self._one_header(item, f"{path}[{i}]") for i, item in enumerate(node.items)]
        return [lines for lines in found if lines is not None]

    def _one_header(self, node: Node, path: str) -> tuple[str, ...] | None:
        if isinstance(node, Scalar) and is_null(node):
            return ()
        if isinstance(node, Sequence):
            lines = [super(TestFileReader, self).value(STRING, each, path) for each in node.items]
            return tuple(line for line in lines if line is not None)
        line = super().value(STRING, node, path)
        return None if line is None else (line,)

    # Expectations

    def _lines(self, node: Node, path: str) -> tuple[str, ...] | None:
        """The lines of a header that is expected; () for no such header."""
        return self._one_header(node, path)

    def _share(self, node: Node, path: str, *, bounds: bool) -> Fraction | Bounds | None:
        if bounds and isinstance(node, Mapping):
            return self._bounds(node, path)
        if not isinstance(node, Scalar):
            what = "a share, or at_least and at_most" if bounds else "a share"
            self.error("wrong_type", f"{last_name(path)} must be {what}, not {node.kind}", node, path)
            return None
        try:
            share = as_share(node.text)
        except CanarysimError as error:
            self.error("bad_share", str(error).replace("Fraction(1, 10)", "1/10"), node, path)
            return None
        return Bounds(share, share) if bounds else share

    def _bounds(self, node: Mapping, path: str) -> Bounds | None:
        record = self.message(BOUNDS, node, path)
        if record is None:
            return None
        if record.lacks("at_least", "at_most"):
            self.error("missing_field", f"{last_name(path)} has no bound", node, path, "add at_least or at_most")
            return None
        try:
            return Bounds(record.get("at_least", as_share(0)), record.get("at_most", as_share(1)))
        except CanarysimError as error:
            self.error("bad_bounds", str(error), node, path)
            return None

    def _split(self, node: Node, path: str) -> list[tuple[Any, Fraction]] | None:
        """Pairs of a destination, as a name or as labels, and its share."""
        if isinstance(node, Mapping) and not node.entries:
            self.error("empty_list", f"{last_name(path)} is empty", node, path, "write destinations with shares")
            return None
        if isinstance(node, Mapping):
            pairs = [(k, self.value(SHARE, v, f"{path}.{k}")) for k, (_, v) in node.entries.items()]
            return [(name, share) for name, share in pairs if share is not None]
        parts = self._several(SPLIT_PART, node, path)
        if parts is None:
            return None
        found = []
        for part in parts:
            labels = {name: part[name] for name in part.values if name != "share"}
            if part.lacks("share"):
                part.report("missing_field", "a part of a split needs its share", None, "add share: 10%")
            elif not labels and not part.misspelt:
                part.report("missing_field", "a part of a split names no destination", None, "add cluster: ...")
            elif "kind" in labels and len(labels) > 1:
                part.report("two_destinations", "kind stands for what goes to no destination", "kind", "remove it")
            elif "share" in part:
                found.append((labels, part["share"]))
        return found


def _plain(node: Node) -> Any:
    """A piece of YAML as plain values, for metadata."""
    from yaml import SafeLoader

    if isinstance(node, Mapping):
        return {key: _plain(value) for key, (_, value) in node.entries.items()}
    if isinstance(node, Sequence):
        return [_plain(item) for item in node.items]
    assert isinstance(node, Scalar)
    if not node.plain:
        return node.text
    loader = SafeLoader(node.text or "null")
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()
