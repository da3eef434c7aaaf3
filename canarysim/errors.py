"""What canarysim raises: one base class, and errors that carry data before they carry text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from fractions import Fraction

    from canarysim.problems import Problem
    from canarysim.table.decision import Decision

__all__ = [
    "CanarysimError",
    "InvalidValue",
    "ManifestError",
    "MissingExtra",
    "NotExportable",
    "RandomValueNeeded",
    "SeveralTables",
    "UnknownName",
]


class CanarysimError(Exception):
    """The base of every error that canarysim raises on purpose. Errors can be pickled, data and all.

    >>> import canarysim as cs
    >>> try:
    ...     cs.load("nowhere.yaml")
    ... except cs.CanarysimError as error:
    ...     print(type(error).__name__)
    ManifestError
    """

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (type(self), self.args, self.__dict__)


def _rebuilt(kind: type[CanarysimError], args: tuple[Any, ...], data: dict[str, Any]) -> CanarysimError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(data)
    return error


class InvalidValue(CanarysimError, ValueError):
    """A value that cannot exist: a constructor refused it.

    ``code`` is stable and fit for programs, ``values`` holds what the text was made of.

    >>> import canarysim as cs
    >>> try:
    ...     cs.Request.parse("GET")
    ... except cs.InvalidValue as error:
    ...     print(error.code)
    bad_request_text
    """

    def __init__(self, code: str, message: str, **values: Any) -> None:
        super().__init__(message)
        self.code = code
        self.values = values


class ManifestError(CanarysimError, ValueError):
    """Manifests that cannot be read. ``problems`` are all that were found, not only the first.

    >>> import canarysim as cs
    >>> try:
    ...     cs.loads("kind: Service")
    ... except cs.ManifestError as error:
    ...     print([problem.code for problem in error.problems])
    ['no_virtual_service', 'not_a_resource']
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        from canarysim.faces.text import problems_text

        return problems_text(self.problems)


class SeveralTables(CanarysimError, LookupError):
    """The input makes more than one route table and none was chosen. ``names`` are their names.

    >>> import canarysim as cs
    >>> print(cs.SeveralTables(["gateway-proxy", "gateway-proxy-ssl"]))
    the manifests make 2 route tables: gateway-proxy, gateway-proxy-ssl. Choose one with
    load(..., table="gateway-proxy"), or take all with load_all(...).
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        super().__init__(self.names)

    def __str__(self) -> str:
        names = ", ".join(self.names)
        return (
            f"the manifests make {len(self.names)} route tables: {names}. "
            f'Choose one with load(..., table="{self.names[0]}"), or take all with load_all(...).'
        )


class RandomValueNeeded(CanarysimError, ValueError):
    """The decision depends on the random value of the request and none was given.

    ``shares`` holds every possible decision with its exact share, in the order of the manifest. ``values`` names
    what has to be given: ``random_value``, and ``fault_value`` where a fault draws one for itself.

    >>> import canarysim as cs
    >>> table = cs.loads('''
    ... apiVersion: gateway.solo.io/v1
    ... kind: VirtualService
    ... metadata: {name: shop}
    ... spec: {virtualHost: {routes: [{routeAction: {multi: {destinations: [
    ...   {weight: 1, destination: {upstream: {name: v2}}},
    ...   {weight: 9, destination: {upstream: {name: v1}}}]}}}]}}
    ... ''')
    >>> try:
    ...     table.route(cs.Request("/"))
    ... except cs.RandomValueNeeded as error:
    ...     print([(decision.cluster, str(share)) for decision, share in error.shares])
    [('v2_default', '1/10'), ('v1_default', '9/10')]
    """

    def __init__(
        self, shares: Sequence[tuple[Decision, Fraction]], values: Sequence[str] = ("random_value",)
    ) -> None:
        self.shares = tuple(shares)
        self.values = tuple(values)
        super().__init__(self.shares)

    def __str__(self) -> str:
        parts = "; ".join(f"{decision.outcome} with share {share}" for decision, share in self.shares)
        needed = {"random_value": "the random value of the request", "fault_value": "the value that a fault draws"}
        on, give = " and ".join(needed[name] for name in self.values), ", ".join(f"{v}=..." for v in self.values)
        return f"this decision depends on {on}: {parts}. Give {give}, or ask preview() for the shares."


class UnknownName(CanarysimError, LookupError):
    """A name that nothing in the table bears (or that several things bear). ``candidates`` are near ones.

    >>> import canarysim as cs
    >>> print(cs.UnknownName("cluster", "shop-v11", ["shop-v1", "cart"]))
    no cluster is called 'shop-v11'; did you mean 'shop-v1'?
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], *, ambiguous: bool = False) -> None:
        self.kind = kind
        self.name = name
        self.known = tuple(dict.fromkeys(known))
        self.ambiguous = ambiguous
        self.candidates = self.known if ambiguous else tuple(near(name, self.known))
        super().__init__(kind, name)

    def __str__(self) -> str:
        if self.ambiguous:
            return f"{self.name!r} is ambiguous: it may be {' or '.join(map(repr, self.candidates))}"
        text = f"no {self.kind} is called {self.name!r}"
        if self.candidates:
            return f"{text}; did you mean {' or '.join(map(repr, self.candidates))}?"
        if self.known:
            listed = ", ".join(map(repr, self.known[:8])) + (", ..." if len(self.known) > 8 else "")
            return f"{text}; there are {listed}"
        return f"{text}; the table names none"


class MissingExtra(CanarysimError, ImportError):
    """A package that only an extra of canarysim installs. ``extra`` names it.

    >>> import canarysim as cs
    >>> print(cs.MissingExtra("viz", "matplotlib"))
    this needs matplotlib: pip install 'canarysim[viz]'
    """

    def __init__(self, extra: str, package: str) -> None:
        self.extra = extra
        super().__init__(f"this needs {package}: pip install 'canarysim[{extra}]'")


class NotExportable(CanarysimError, ValueError):
    """The table has parts that are not simulated, so that no Envoy configuration can stand for it.

    ``problems`` name them.

    >>> import canarysim as cs
    >>> table = cs.loads('''
    ... apiVersion: gateway.solo.io/v1
    ... kind: VirtualService
    ... metadata: {name: shop}
    ... spec: {virtualHost: {routes: [{delegateAction: {ref: {name: more}}}]}}
    ... ''')
    >>> try:
    ...     cs.to_envoy(table)
    ... except cs.NotExportable as error:
    ...     print(error.problems[0].where.path)
    spec.virtualHost.routes[0].delegateAction
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        from canarysim.faces.text import problems_text

        return "this table cannot be exported, it has parts that are not simulated\n" + problems_text(
            self.problems
        )


def near(name: str, known: Iterable[str], count: int = 3) -> list[str]:
    """The names closest to a mistyped one, best first; letter case does not keep two names apart."""
    from difflib import get_close_matches

    folded: dict[str, str] = {}
    for candidate in known:
        folded.setdefault(candidate.lower(), candidate)
    return [folded[match] for match in get_close_matches(name.lower(), folded, n=count, cutoff=0.6)]
