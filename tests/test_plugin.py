"""The plugin for pytest: test files are tests, fixtures give tables, coverage counts; unused it costs nothing."""

from __future__ import annotations

import re

import pytest

from .test_check import COALMINE, PETS

pytest_plugins = ["pytester"]


@pytest.fixture
def repository(pytester: pytest.Pytester) -> pytest.Pytester:
    (pytester.path / "routes.yaml").write_text(COALMINE)
    (pytester.path / "test_pets.canary.yaml").write_text(PETS)
    return pytester


def break_weights(pytester: pytest.Pytester) -> None:
    (pytester.path / "routes.yaml").write_text(COALMINE.replace("weight: 10", "weight: 20"))


def test_each_request_of_each_test_is_an_item(repository: pytest.Pytester) -> None:
    result = repository.runpytest("-v")
    result.assert_outcomes(passed=12)
    result.stdout.fnmatch_lines(
        [
            "test_pets.canary.yaml::canaries reach version 2 PASSED*",
            "test_pets.canary.yaml::everybody else stays on version 1[[]GET /findPets x-canary:True[]] PASSED*",
            "test_pets.canary.yaml::a tenth is the canary PASSED*",
        ]
    )


def test_a_failure_says_what_to_fix_and_hides_no_other(repository: pytest.Pytester) -> None:
    break_weights(repository)
    result = repository.runpytest()
    result.assert_outcomes(passed=11, failed=1)
    result.stdout.fnmatch_lines(
        [
            "a tenth is the canary (test_pets.canary.yaml:11)",
            "  expected  10 % to default-petstore-v2-8080_gloo-system",
            "  found     18.18 % (2/11)",
            "  look at   default-petstore-v2-8080_gloo-system (findPetById) has weight 20 of",
            "            110 * routes.yaml:33",
            "GET /findPetWithId/1",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*canarysim/testing/*.py*")


def test_a_name_that_does_not_exist_is_an_error_and_no_failure(repository: pytest.Pytester) -> None:
    repository.makefile(
        ".canary.yaml",
        test_typo="manifests: routes.yaml\ntests: [{name: t, request: GET /, expect: {cluster: petstore-v3}}]",
    )
    result = repository.runpytest()
    result.assert_outcomes(passed=12, errors=1)
    result.stdout.fnmatch_lines(["GET /", "  error: no cluster or upstream is called 'petstore-v3'*"])
    result.stdout.no_fnmatch_line("*canarysim/testing/*.py*")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "manifests: routes.yaml\ntest: []",
            "*test_wrong.canary.yaml:2:1: error: unknown field 'test'*",
        ),
        ("manifests: [", "*this is not YAML*"),
        (
            "manifests: nowhere.yaml\ntests: [{name: t, request: GET /, expect: {status: 404}}]",
            "*no file or folder*",
        ),
    ],
)
def test_a_test_file_that_is_wrong_is_an_error_of_collection(
    repository: pytest.Pytester, text: str, says: str
) -> None:
    repository.makefile(".canary.yaml", test_wrong=text)
    result = repository.runpytest()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines([says])
    result.stdout.no_fnmatch_line("*canarysim/testing/*.py*")


def test_manifests_that_are_wrong_are_an_error_of_every_test(repository: pytest.Pytester) -> None:
    (repository.path / "routes.yaml").write_text(COALMINE.replace("weight: 10", "weigth: 10"))
    result = repository.runpytest()
    result.assert_outcomes(errors=12)
    result.stdout.fnmatch_lines(["*routes.yaml:33:13: error: unknown field 'weigth'*"])


def test_tests_are_chosen_by_name_and_by_id(repository: pytest.Pytester) -> None:
    repository.runpytest("-k", "canary and tenth").assert_outcomes(passed=1, deselected=11)
    repository.runpytest("-k", "POST").assert_outcomes(deselected=12)
    repository.runpytest("test_pets.canary.yaml::everybody else stays on version 1").assert_outcomes(passed=9)
    repository.runpytest("test_pets.canary.yaml::a tenth is the canary").assert_outcomes(passed=1)


def test_other_files_are_not_collected(pytester: pytest.Pytester) -> None:
    for name in ("pets.canary.yaml", "test_pets.yaml", "routes.yaml"):
        (pytester.path / name).write_text("not: a test")
    assert pytester.runpytest().ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_junit_has_a_case_for_each_request(repository: pytest.Pytester) -> None:
    break_weights(repository)
    repository.runpytest("--junitxml=out.xml")
    text = (repository.path / "out.xml").read_text()
    assert len(re.findall("<testcase ", text)) == 12
    [failed] = re.findall(r'<testcase [^>]*name="([^"]*)"[^>]*><failure[^>]*>([^<]*)', text)
    assert failed[0] == "a tenth is the canary"
    assert "has weight 20 of" in failed[1]


# Fixtures


def test_the_fixture_reads_what_the_configuration_names(repository: pytest.Pytester) -> None:
    repository.makeini("[pytest]\ncanary_manifests = routes.yaml\ncanary_envoy = 1.40\n")
    repository.makepyfile(
        """
        import canarysim as cs

        def test_table(route_table):
            cs.assert_routes_to(route_table, "GET /findPets", cluster="default-petstore-v1-8080")
            assert route_table.envoy == "1.40"

        def test_it_is_read_once(route_table, route_tables):
            assert route_tables == {"gateway-proxy": route_table}
            assert route_tables["gateway-proxy"] is route_table
        """
    )
    repository.runpytest("-p", "no:cacheprovider").assert_outcomes(passed=14)


def test_the_marker_names_manifests_beside_the_test(pytester: pytest.Pytester) -> None:
    (pytester.path / "a" / "manifests").mkdir(parents=True)
    (pytester.path / "a" / "manifests" / "x.yaml").write_text(COALMINE)
    (pytester.path / "a" / "test_it.py").write_text(
        "import pytest\n"
        "@pytest.mark.canary_manifests('manifests', envoy='1.40')\n"
        "def test_it(route_table):\n    assert route_table.envoy == '1.40'\n"
        "@pytest.mark.canary_manifests('manifests', enovy='1.40')\n"
        "def test_typo(route_table):\n    pass\n"
        "@pytest.mark.canary_manifests('manifests', table='gateway')\n"
        "def test_name(route_table):\n    pass\n"
        "def test_nothing(route_table):\n    pass\n"
    )
    result = pytester.runpytest("--strict-markers")
    result.assert_outcomes(passed=1, errors=3)
    result.stdout.fnmatch_lines(
        [
            "*the marker canary_manifests takes table, envoy and errors, not enovy*",
            "*no route table is called 'gateway'; did you mean 'gateway-proxy'*",
            "*the fixture needs manifests: set canary_manifests in the configuration, or mark*",
        ]
    )


# Coverage


def test_coverage_counts_test_files_and_assertions(repository: pytest.Pytester) -> None:
    repository.makeini("[pytest]\ncanary_manifests = routes.yaml\n")
    result = repository.runpytest("--canary-coverage")
    result.stdout.fnmatch_lines(["*coverage of routes*", "  conditions *3 *5 *60 %", "      GET /findPet x-canary:true"])
    repository.makepyfile(
        """
        import canarysim as cs

        def test_the_header_alone_is_no_canary(route_table):
            cs.assert_not_found(route_table, "GET /findPet x-canary:true")
        """
    )
    result = repository.runpytest("--canary-coverage")
    result.assert_outcomes(passed=13)
    result.stdout.fnmatch_lines(["  conditions *5 *5 *100 %"])
    result.stdout.no_fnmatch_line("*GET /findPet x-canary:true*")


def test_coverage_may_fail_the_run_and_is_shown_on_failure_too(repository: pytest.Pytester) -> None:
    assert repository.runpytest("--canary-fail-under=81.8").ret == pytest.ExitCode.OK
    result = repository.runpytest("--canary-fail-under=82")
    result.assert_outcomes(passed=12)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["FAILED  coverage is 81.8 %, below 82 %"])
    break_weights(repository)
    result = repository.runpytest("--canary-fail-under=1")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["coverage      touched *"])
    result = repository.runpytest("--canary-fail-under=200")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*'200' is no per cent from 0 to 100*"])


def test_without_the_option_nothing_is_measured(repository: pytest.Pytester) -> None:
    repository.runpytest().stdout.no_fnmatch_line("*coverage of routes*")


def test_workers_join_what_they_touched(repository: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    result = repository.runpytest_subprocess("-n", "2", "--canary-fail-under=82", "-p", "no:benchmark")
    result.assert_outcomes(passed=12)
    result.stdout.fnmatch_lines(["  in all *9 *11 *81.8 %", "FAILED  coverage is 81.8 %, below 82 %"])
    assert result.ret == pytest.ExitCode.TESTS_FAILED


# What it costs


def test_unused_it_loads_nothing_but_itself(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_what_is_loaded():
            assert not {"numpy", "yaml", "attr"} & set(sys.modules)
            assert sorted(name for name in sys.modules if name.startswith("canarysim")) == [
                "canarysim", "canarysim.filenames", "canarysim.testing", "canarysim.testing.options",
                "canarysim.testing.plugin",
            ]
        """
    )
    others = [option for name in ("hypothesispytest", "benchmark", "xdist") for option in ("-p", f"no:{name}")]
    pytester.runpytest_subprocess(*others).assert_outcomes(passed=1)
