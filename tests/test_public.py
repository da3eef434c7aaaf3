"""The public names: there, documented, lazy, and not replaced by modules of the same name."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import subprocess
import sys

import pytest

import canarysim as cs

MODULES = sorted(
    info.name for info in pkgutil.walk_packages(cs.__path__, "canarysim.") if not info.name.endswith("__main__")
)


def test_importing_the_package_loads_neither_numpy_nor_yaml_nor_attrs() -> None:
    costly = ["numpy", "yaml", "attr", "argparse", "typing"]
    code = f"import canarysim; print([m for m in {costly} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-S", "-E", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_routing_previewing_and_explaining_load_no_numpy() -> None:
    code = (
        "import canarysim as cs, sys; t = cs.loads('''apiVersion: gateway.solo.io/v1\nkind: VirtualService\n"
        "metadata: {name: a}\nspec: {virtualHost: {routes: [{routeAction: {single: {upstream: {name: u}}}}]}}''');"
        "r = cs.Request('/'); t.route(r); str(cs.preview(t, r)); str(cs.explain(t, r)); cs.to_envoy(t);"
        "cs.assert_routes_to(t, r, cluster='u'); sys.exit('numpy' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", cs.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    for module in MODULES:
        importlib.import_module(module)
    value = getattr(cs, name)
    assert not inspect.ismodule(value)
    assert ">>>" in (inspect.getdoc(value) or ""), f"{name} has no example"
    assert name in dir(cs)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="prewiew"):
        cs.prewiew  # noqa: B018


@pytest.mark.parametrize("module", MODULES)
def test_every_module_says_what_it_is_for(module: str) -> None:
    assert (importlib.import_module(module).__doc__ or "").strip()


@pytest.mark.parametrize("name", cs.__all__)
def test_every_public_method_is_documented(name: str) -> None:
    value = getattr(cs, name)
    if not inspect.isclass(value):
        return
    for attribute, member in vars(value).items():
        if not attribute.startswith("_") and (
            inspect.isfunction(member) or isinstance(member, (classmethod, property))
        ):
            assert inspect.getdoc(member), f"{name}.{attribute}"


def test_tables_travel_and_compare() -> None:
    import pickle

    from .cases import routes

    table = cs.loads(routes("{prefix: /a}", "{regex: '/b+'}"))
    copy = pickle.loads(pickle.dumps(table))
    assert copy == table
    assert copy.route(cs.Request("/bb")) == table.route(cs.Request("/bb"))
    assert table != cs.loads(routes("{prefix: /a}", "{regex: '/c+'}"))
