"""Several requests as one traffic: in equal shares, or in those that stand before them."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from canarysim.cli.inputs import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canarysim.cli.inputs import Asked
    from canarysim.request import Request

__all__ = ["read_mix"]


def read_mix(asked: Sequence[Asked]) -> dict[Request, Fraction]:
    """Each distinct request with its share; a request that stands twice has the sum.

    Refused where only some have a share, where per cents do not add up to 100, and where all weights are 0.
    """
    with_share = [one for one in asked if one.share is not None]
    if with_share and len(with_share) < len(asked):
        bare = next(one for one in asked if one.share is None)
        raise Refused(f"some requests have a share and some have none, such as '{bare.request}'")
    units = {unit for _, unit in (one.share or ("1", "") for one in asked)}
    if len(units) > 1:
        raise Refused("write all shares as per cents ('90% GET /a') or all as weights ('9 GET /a')")
    found: dict[Request, Fraction] = {}
    for request, share in asked:
        found[request] = found.get(request, Fraction(0)) + Fraction("1" if share is None else share[0])
    total = sum(found.values(), Fraction(0))
    if units == {"%"} and total != 100:
        raise Refused(f"the shares add up to {float(total):g} %, not to 100 %; numbers without % are weights")
    if not total:
        raise Refused("the weights add up to 0; at least one must be above 0")
    return {request: weight / total for request, weight in found.items()}
