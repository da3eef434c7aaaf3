"""From files, folders and text to route tables: which dialect reads a document, and what becomes of problems.

The dialect of a document is chosen by its API group and kind together; Istio has a VirtualService too. What has
neither, and the fields of a RouteConfiguration, a Listener, a bootstrap or a config dump, is Envoy's own.
"""

from __future__ import annotations

import gc
import os
import re
from contextlib import contextmanager
from itertools import chain, count
from typing import TYPE_CHECKING

import attrs

from canarysim.errors import InvalidValue, ManifestError, SeveralTables, UnknownName, near
from canarysim.filenames import is_manifest, real_path
from canarysim.manifests import gloo
from canarysim.manifests.document import Mapping, Node, Scalar, Sequence, read_documents
from canarysim.problems import Problem, Severity, Where
from canarysim.table.route_table import ENVOY_VERSIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from canarysim.table.route_table import RouteTable

__all__ = ["load", "load_all", "loads"]

#: What a text of Envoy's holds somewhere. It is asked before parsing, for Envoy has rules of its own for YAML.
_MAY_BE_ENVOY = r"""(?ix)
    virtual_?hosts|(?:static|dynamic)_?resources|filter_?chains?|api_?listener|route_?config|vhds|layered_?runtime
    |configs|resources
    """


def load(
    *paths: str | os.PathLike[str], table: str | None = None, errors: str = "raise", envoy: str | None = None
) -> RouteTable:
    """The route table of manifests in files and folders (``.yaml``, ``.yml``, ``.json``; recursive).

    Manifests are Gloo's, or configurations of Envoy. Test files in folders, ``*.canary.yaml``, are left out.
    A file that several paths or links lead to is read once.
    ``table`` names one where the manifests make several. ``envoy`` ("1.36" or "1.40") is the version to behave as;
    by default 1.36 for Gloo, which ships it, and 1.40 for Envoy's own configurations.

    With ``errors="apply"`` errors do not raise, but have the effect that they have in a cluster that had nothing
    before: Gloo refuses to store a resource, drops a route, withholds a virtual host or a listener, Envoy refuses
    a route configuration; and what the input refers to and does not hold is not there. ``table.problems`` has the
    errors, and says what became of them.

    Raises ManifestError with every problem found (with ``errors="apply"`` only where nothing is served at all),
    SeveralTables, and UnknownName for an unknown ``table``.
    Cost: O(size of the text).

    >>> load("notebooks/manifests/coalmine.yaml")
    <RouteTable 'gateway-proxy', 1 virtual host, 4 routes, Envoy 1.36>
    """
    return _chosen(load_all(*paths, errors=errors, envoy=envoy), table)


def load_all(
    *paths: str | os.PathLike[str], errors: str = "raise", envoy: str | None = None
) -> dict[str, RouteTable]:
    """Every route table of manifests in files and folders, by name. Raises ManifestError.

    >>> list(load_all("notebooks/manifests/coalmine.yaml"))
    ['gateway-proxy']
    """
    _check(errors, envoy)
    if not paths:
        raise InvalidValue("no_path", "load needs at least one file or folder")
    problems: list[Problem] = []
    texts = []
    read: set[str] = set()  # a file that two paths lead to, or a link, is one file
    for path in paths:
        if isinstance(path, str) and "\n" in path:
            raise InvalidValue("text_not_path", "that is text, not a path; loads() reads text")
        for file in _files(os.fsdecode(path), problems):
            real = real_path(file)
            if real not in read:
                read.add(real)
                texts.append((file, _text(file, problems)))
    return _tables([(file, text) for file, text in texts if text is not None], problems, envoy, errors)


def loads(text: str, *, table: str | None = None, errors: str = "raise", envoy: str | None = None) -> RouteTable:
    """The route table of manifests in a text; see load.

    >>> table = loads('''
    ... apiVersion: gateway.solo.io/v1
    ... kind: VirtualService
    ... metadata: {name: shop}
    ... spec: {virtualHost: {routes: [{routeAction: {single: {upstream: {name: v1}}}}]}}
    ... ''')
    >>> [route.name for route in table.routes]
    ['default_shop-route-0-matcher-0']
    """
    _check(errors, envoy)
    if not isinstance(text, str):
        raise TypeError(f"loads reads a str, not {type(text).__name__}")
    return _chosen(_tables([("<text>", text)], [], envoy, errors), table)


def _check(errors: str, envoy: str | None) -> None:
    if envoy is not None and envoy not in ENVOY_VERSIONS:
        raise InvalidValue("unknown_envoy", f"envoy={envoy!r}: write {' or '.join(map(repr, ENVOY_VERSIONS))}")
    if errors not in ("raise", "apply"):
        raise InvalidValue("bad_option", f"errors={errors!r}: write 'raise' or 'apply'")


def _chosen(tables: dict[str, RouteTable], name: str | None) -> RouteTable:
    if name is not None:
        if name not in tables:
            raise UnknownName("route table", name, tables)
        return tables[name]
    if len(tables) > 1:
        raise SeveralTables(list(tables))
    return next(iter(tables.values()))


def _files(path: str, problems: list[Problem]) -> Iterator[str]:
    """The file that a path names, or the manifests below a folder in the order of their names."""
    if not os.path.isdir(path):
        yield path
        return
    found = [
        os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names if is_manifest(name)
    ]
    if not found:
        problems.append(
            Problem(
                "empty_folder",
                Severity.ERROR,
                "the folder has no manifest",
                Where(path),
                "canarysim reads files that end in .yaml, .yml or .json",
            )
        )
    yield from sorted(found)


def _text(path: str, problems: list[Problem]) -> str | None:
    try:
        with open(path, "rb") as file:
            return file.read().decode().removeprefix("\ufeff")
    except OSError as error:
        message = f"the file cannot be read: {error.strerror or error}"
    except UnicodeDecodeError as error:
        message = f"the file is not UTF-8 (byte {error.start})"
    except ValueError as error:  # a NUL in the name
        message = f"the file cannot be read: {error}"
    problems.append(Problem("unreadable_file", Severity.ERROR, message, Where(path)))
    return None


@contextmanager
def _collecting_paused() -> Iterator[None]:
    """Reading makes many small values and no cycles: to look for garbage meanwhile would take most of the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


@_collecting_paused()
def _tables(
    texts: Iterable[tuple[str, str]], problems: list[Problem], envoy: str | None, errors: str
) -> dict[str, RouteTable]:
    resources = gloo.Resources(apply=errors == "apply")
    services = 0
    tables: dict[str, RouteTable] = {}
    for file, text in texts:
        if (
            "apiVersion" not in text
            and re.search(_MAY_BE_ENVOY, text)
            and _read_envoy(file, text, envoy, tables, problems)
        ):
            continue
        documents, found = read_documents(text, file)
        problems += found
        for document in documents:
            for node, path in _resources(document, ""):
                kind = _kind_to_read(node, file, path, problems)
                if kind is not None and isinstance(node, Mapping):
                    resources.read(node, kind, file, path)
                    services += kind == "VirtualService"
    tables |= gloo.build(resources, envoy)
    problems = list(dict.fromkeys(problems + resources.journal))
    if not tables and not any(problem.severity is Severity.ERROR for problem in problems):
        files = sorted({file for file, _ in texts})
        where = Where(files[0] if len(files) == 1 else f"{len(files)} files")
        problems.append(_nothing_served(where) if services else _no_virtual_service(where))
    problems.sort(key=_place)
    if any(problem.severity is Severity.ERROR for problem in problems) and not (tables and errors == "apply"):
        raise ManifestError(problems)
    return {name: attrs.evolve(table, problems=tuple(problems)) for name, table in tables.items()}


def _no_virtual_service(where: Where) -> Problem:
    return Problem(
        "no_virtual_service",
        Severity.ERROR,
        "the input holds no VirtualService, and no configuration of Envoy",
        where,
        "canarysim reads VirtualServices of Gloo (gateway.solo.io/v1) and configurations of Envoy",
    )


def _nothing_served(where: Where) -> Problem:
    text = "no Gateway in the input takes any of its VirtualServices: nothing is served"
    return Problem("nothing_served", Severity.ERROR, text, where, "see the warnings, or read more Gateways along")


def _read_envoy(
    file: str, text: str, envoy: str | None, tables: dict[str, RouteTable], problems: list[Problem]
) -> bool:
    """Adds the tables of a text that holds Envoy's configuration; False for any other text."""
    from canarysim.manifests.document import ENVOY_JSON, ENVOY_YAML
    from canarysim.manifests.envoy.build import tables_of
    from canarysim.manifests.envoy.find import is_envoy, is_json

    json = is_json(text, file)
    documents, found = read_documents(text, file, ENVOY_JSON if json else ENVOY_YAML)
    if not any(map(is_envoy, documents)):
        return False
    problems += found
    for document in documents:
        for name, table in tables_of(document, file, envoy or "1.40", problems, json=json).items():
            free = next(each for each in chain([name], (f"{name} #{n}" for n in count(2))) if each not in tables)
            tables[free] = attrs.evolve(table, name=free) if table.name else table
    return True


def _place(problem: Problem) -> tuple[str, int, int]:
    return problem.where.file, problem.where.line or 0, problem.where.column or 0


def _resources(node: Node, path: str) -> Iterator[tuple[Node, str]]:
    """A document, or the items of one that is a List."""
    items = node.get("items") if isinstance(node, Mapping) else None
    if isinstance(items, Sequence) and _text_of(node, "kind").endswith("List"):
        for number, item in enumerate(items.items):
            yield from _resources(item, f"{path}items[{number}]")
    else:
        yield node, path


def _text_of(node: Node, key: str) -> str:
    value = node.get(key) if isinstance(node, Mapping) else None
    return value.text if isinstance(value, Scalar) else ""


def _kind_to_read(node: Node, file: str, path: str, problems: list[Problem]) -> str | None:
    """The kind of a document that the Gloo dialect reads; says what it is otherwise."""
    kind, api_version = _text_of(node, "kind"), _text_of(node, "apiVersion")
    group = api_version.rpartition("/")[0]
    where = Where(file, node.line, node.column, path, kind)
    if not kind or not api_version:
        missing = "kind" if api_version else "apiVersion and kind" if not kind else "apiVersion"
        if isinstance(node, Mapping) and node.get("spec") is not None:
            problems.append(
                Problem(
                    "no_kind",
                    Severity.ERROR,
                    f"the document has a spec but no {missing}",
                    where,
                    "a VirtualService begins with apiVersion: gateway.solo.io/v1 and kind: VirtualService",
                )
            )
        else:
            problems.append(
                Problem("not_a_resource", Severity.INFO, f"not a Kubernetes resource: no {missing}", where)
            )
        return None
    if group in gloo.KINDS:
        version = api_version.rpartition("/")[2]
        served = gloo.VERSIONS.get(group, "v1")
        if version != served:
            text = f"{group} has no version {version}"
            hint = f"write apiVersion: {group}/{served}"
            problems.append(Problem("unknown_version", Severity.ERROR, text, where, hint))
            return None
        if kind in gloo.KINDS[group]:
            return kind
        if kind not in gloo.NOT_READ:
            similar = near(kind, gloo.KINDS[group] | gloo.NOT_READ, 1)
            problems.append(
                Problem(
                    "unknown_kind",
                    Severity.ERROR,
                    f"{group} has no kind {kind}",
                    where,
                    f"did you mean {similar[0]}?" if similar else "",
                )
            )
            return None
    elif kind == "VirtualService":
        istio = group == "networking.istio.io"
        similar = near(group, gloo.KINDS, 1)
        hint = "canarysim reads VirtualServices of Gloo: apiVersion: gateway.solo.io/v1"
        problems.append(
            Problem(
                "unsupported_dialect",
                Severity.ERROR,
                "Istio's VirtualServices are not supported yet" if istio else f"unknown API group {group!r}",
                where,
                f"did you mean {similar[0]}/v1?" if similar and not istio else hint,
            )
        )
        return None
    problems.append(Problem("not_read", Severity.INFO, f"{kind} of {group or api_version} is not read", where))
    return None
