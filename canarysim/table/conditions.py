"""What a route asks besides path, headers, query and metadata: cookies, gRPC, client certificates, chance.

Facts (Envoy documentation of RouteMatch; run on 1.36.4 and 1.40.0, see tests/envoy):

1. A cookie that is missing satisfies no value; ``invert_match`` turns that answer around too. 1.36 has no
   cookie matchers.
2. ``grpc`` takes a content-type of ``application/grpc``, or one that begins with ``application/grpc+``, of a
   request that has a path.
3. Without TLS no certificate is presented or validated, so that ``presented: false`` holds.
4. A fraction takes a request whose random value, modulo the denominator, is below the numerator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from canarysim.errors import InvalidValue
from canarysim.request import octets, readable
from canarysim.table.chance import Residues
from canarysim.table.matchers import Matcher
from canarysim.table.runtime import check_fraction, fraction_to_envoy
from canarysim.table.views import HeaderView, View

if TYPE_CHECKING:
    from canarysim.table.behaviour import Behaviour
    from canarysim.table.http import Seen
    from canarysim.table.runtime import Runtime
    from canarysim.table.strings import StringMatcher, Test

__all__ = [
    "CookieMatcher",
    "GrpcMatcher",
    "RuntimeFraction",
    "TlsContextMatcher",
    "UnsimulatedMatcher",
    "WeightsUnderRuntime",
]


@attrs.frozen
class CookieView(View):
    """The value of one cookie, or None where it is missing."""

    cookie: str

    @property
    def name(self) -> str:
        return f"cookie {readable(self.cookie)}"

    def get(self, seen: Seen) -> str | None:
        return seen.cookies.get(self.cookie)


@attrs.frozen
class CookieMatcher(Matcher):
    """One cookie with a value that the StringMatcher takes; perhaps inverted (fact 1)."""

    name: str
    value: StringMatcher
    invert: bool = False

    def __attrs_post_init__(self) -> None:
        if not self.name:
            raise InvalidValue("empty_name", "a cookie matcher needs the name of a cookie")
        if len(octets(self.name)) > 1024:
            raise InvalidValue("name_too_long", "Envoy takes names of cookies up to 1024 bytes")

    @property
    def view(self) -> CookieView:
        return CookieView(octets(self.name))

    def refused_by(self, envoy: Behaviour) -> str | None:
        return "1.36 has no cookie matchers" if envoy.version == "1.36" else None

    def test(self, envoy: Behaviour) -> Test:
        holds, invert = self.value.test(envoy), self.invert
        return lambda value: (value is not None and bool(holds(value))) is not invert

    def patterns(self) -> tuple[str, ...]:
        return self.value.patterns()

    def why_unknown(self, envoy: Behaviour) -> str | None:
        return self.value.why_unknown(envoy)

    def describe(self) -> str:
        return f"not so that it {self.value.describe()}" if self.invert else self.value.describe()

    def to_envoy(self) -> dict[str, Any]:
        invert = {"invert_match": True} if self.invert else {}
        return {"name": self.name, "string_match": self.value.to_envoy(), **invert}


@attrs.frozen
class GrpcView(HeaderView):
    """The content-type of a request that has a path; None for CONNECT, which has none."""

    header: str = "content-type"

    def get(self, seen: Seen) -> tuple[str, ...] | None:
        return seen.header(self.header) if seen.path else None


@attrs.frozen
class GrpcMatcher(Matcher):
    """``grpc``: a gRPC request, by its content-type (fact 2)."""

    @property
    def view(self) -> GrpcView:
        return GrpcView()

    def test(self, envoy: Behaviour) -> Test:
        return lambda values: (
            values is not None and (values[0] == "application/grpc" or values[0].startswith("application/grpc+"))
        )

    def describe(self) -> str:
        return "is that of gRPC"

    def to_envoy(self) -> dict[str, Any]:
        return {}


@attrs.frozen
class CertificateView(View):
    """What is known of the client's certificate: whether it was presented, and whether it was validated."""

    name: ClassVar[str] = "client certificate"

    def get(self, seen: Seen) -> str:
        return seen.certificate or "none"

    def show(self, value: Any) -> str:
        return str(value)


@attrs.frozen
class TlsContextMatcher(Matcher):
    """``tls_context``: whether a client certificate is ``presented`` or ``validated``; None asks nothing."""

    presented: bool | None = None
    validated: bool | None = None

    @property
    def view(self) -> CertificateView:
        return CertificateView()

    def test(self, envoy: Behaviour) -> Test:
        return lambda certificate: (
            self.presented in (None, certificate != "none")
            and self.validated in (None, certificate == "validated")
        )

    def describe(self) -> str:
        asked = [("presented", self.presented), ("validated", self.validated)]
        words = [("" if wanted else "not ") + name for name, wanted in asked if wanted is not None]
        return f"is {' and '.join(words)}" if words else "may be any"

    def to_envoy(self) -> dict[str, Any]:
        asked = {"presented": self.presented, "validated": self.validated}
        return {name: wanted for name, wanted in asked.items() if wanted is not None}


@attrs.frozen
class WholeView(View):
    """What no view offers, as the state that filters keep."""

    name: str

    def get(self, seen: Seen) -> str:
        return ""

    def show(self, value: Any) -> str:
        return "not known"


@attrs.frozen
class UnsimulatedMatcher(Matcher):
    """A condition that is not simulated: the routes it stands on may or may not match."""

    name: str
    reason: str

    @property
    def view(self) -> WholeView:
        return WholeView(self.name)

    def test(self, envoy: Behaviour) -> Test:
        raise NotImplementedError(self.reason)

    def why_unknown(self, envoy: Behaviour) -> str | None:
        return self.reason

    def describe(self) -> str:
        return "is as the route asks"


@attrs.frozen
class RandomValueView(View):
    """The random value of the request, which is no part of it: ``get`` is never asked."""

    name: ClassVar[str] = "random value"

    def show(self, value: Any) -> str:
        return str(value)


@attrs.frozen
class RuntimeFraction(Matcher):
    """``runtime_fraction``: a share of all requests (fact 4), which a runtime may replace.

    It asks the random value and not the request, so that it has ``residues`` in place of a test.
    """

    of_request: ClassVar[bool] = False

    numerator: int
    denominator: int = 100
    runtime_key: str = ""

    def __attrs_post_init__(self) -> None:
        check_fraction(self.numerator, self.denominator)

    @property
    def view(self) -> RandomValueView:
        return RandomValueView()

    def residues(self, runtime: Runtime) -> Residues:
        """The random values that it takes."""
        numerator, denominator = runtime.fraction(self.runtime_key, self.numerator, self.denominator)
        return Residues(denominator, ((0, min(numerator, denominator)),))

    def describe(self) -> str:
        key = f" (unless runtime key {self.runtime_key} says otherwise)" if self.runtime_key else ""
        return f"modulo {self.denominator} is below {self.numerator}{key}"

    def to_envoy(self) -> dict[str, Any]:
        key = {"runtime_key": self.runtime_key} if self.runtime_key else {}
        return {"default_value": fraction_to_envoy(self.numerator, self.denominator), **key}


@attrs.frozen
class WeightsUnderRuntime(Matcher):
    """That the runtime leaves a route weights to pick by: not asked of requests (actions.py, fact 5)."""

    of_request: ClassVar[bool] = False

    @property
    def view(self) -> WholeView:
        return WholeView("weights")

    def describe(self) -> str:
        return "sum to 1 or more"
