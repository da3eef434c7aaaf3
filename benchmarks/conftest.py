"""Time ours and its peers in turns, and print the ratios of the medians when all is done.

Modules called bench_*.py are collected here. With benchmarks disabled, as pyproject.toml has it, every
function runs once on small input: the smoke test. Ratios that are cheap to check are checked there, with a margin.
With --benchmark-enable all ratios are measured.
"""

from __future__ import annotations

import platform
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 7

MARGIN = 2
"""So many times worse than its goal a ratio may be in the smoke test: input is small and machines are busy."""

ATTEMPTS = 5
"""The smoke test believes that a ratio is missed once it was missed so often, one time after the other."""


@attrs.frozen
class Goal:
    """Ours against one peer: so many times as fast, at most so many times as slow, or so many seconds more.

    Without a peer, so many seconds at most.
    """

    peer: str
    faster: float | None = None
    at_most: float | None = None
    more_seconds: float | None = None
    seconds: float | None = None

    def text(self, ours: float, peers: dict[str, float]) -> str:
        """The goal, and whether the medians meet it."""
        if self.seconds is not None:
            return f"at most {readable(self.seconds)}: {_verdict(ours <= self.seconds)}"
        peer = peers[self.peer]
        if self.faster is not None:
            return f"{self.peer}, {self.faster:g}x as fast: {_verdict(peer / ours >= self.faster)}"
        if self.more_seconds is not None:
            more = f"+{readable(ours - peer)}" if ours > peer else "+0"
            met = _verdict(ours - peer <= self.more_seconds)
            return f"{self.peer}, at most +{readable(self.more_seconds)}, is {more}: {met}"
        assert self.at_most is not None
        return f"{self.peer}, at most {self.at_most:g}x its time: {_verdict(ours / peer <= self.at_most)}"

    def holds(self, ours: float, peers: dict[str, float], margin: float) -> bool:
        """Whether a ratio is met but for a margin; seconds are another machine's, and hold."""
        if self.faster is not None:
            return peers[self.peer] / ours >= self.faster / margin
        return self.at_most is None or ours / peers[self.peer] <= self.at_most * margin


def _verdict(met: bool) -> str:
    return "met" if met else "MISSED"


@attrs.frozen
class Row:
    """What one question measured: seconds of ours, and of each peer for the same amount of work."""

    question: str
    ours: float
    peers: dict[str, float]
    goals: tuple[Goal, ...]


ROWS = pytest.StashKey[list[Row]]()


@attrs.define
class Compare:
    """``compare(question, ours, peers)`` times ours and the peers in turns."""

    benchmark: Any
    rows: list[Row]

    @property
    def smoke(self) -> bool:
        """Whether only to check that everything runs."""
        return bool(self.benchmark.disabled)

    def size(self, full: int, small: int = 20_000) -> int:
        """The size of the input: full, or small in the smoke test."""
        return min(full, small) if self.smoke else full

    def __call__(
        self,
        question: str,
        ours: Callable[..., object],
        peers: dict[str, Callable[..., object] | tuple[Callable[..., object], float]],
        goals: tuple[Goal, ...] = (),
        repeat: int = 1,
        fresh: Callable[[], object] | None = None,
        *,
        checked: bool = False,
    ) -> None:
        """``repeat`` is how often a round runs each; a peer with a number does that part of the work.

        ``fresh`` makes what each run is given, outside of its time. ``checked``: the smoke test holds the
        goals too, with MARGIN; the input must then be large enough for the ratio to say something.
        """
        times = repeat
        named = {name: peer if isinstance(peer, tuple) else (peer, 1.0) for name, peer in peers.items()}
        repeat = 1 if self.smoke else repeat
        seconds: dict[str, list[float]] = {name: [] for name in named}

        def made() -> tuple[object, ...]:
            return () if fresh is None else (fresh(),)

        def take_turns() -> tuple[tuple[object, ...], dict[str, object]]:
            for name, (peer, part) in named.items():
                given = made()
                start = perf_counter()
                for _ in range(repeat):
                    peer(*given)
                seconds[name].append((perf_counter() - start) / repeat / part)
                del given
            return made(), {}

        def repeated(*given: object) -> None:
            for _ in range(repeat):
                ours(*given)

        self.benchmark.group = question
        self.benchmark.pedantic(repeated, setup=take_turns, rounds=ROUNDS, warmup_rounds=0 if self.smoke else 1)
        if self.smoke:
            if checked:
                self._check(question, ours, named, goals, min(times, 500), made)
            return
        medians = {name: median(times[-ROUNDS:]) for name, times in seconds.items()}
        mine = self.benchmark.stats.stats.median / repeat
        self.benchmark.extra_info["ratios"] = {name: time / mine for name, time in medians.items()}
        self.rows.append(Row(question, mine, medians, goals))

    def _check(
        self,
        question: str,
        ours: Callable[..., object],
        peers: dict[str, tuple[Callable[..., object], float]],
        goals: tuple[Goal, ...],
        repeat: int,
        made: Callable[[], tuple[object, ...]],
    ) -> None:
        """Hold the goals that are ratios, with a margin; only what is missed every time is taken as missed."""
        wanted = {goal.peer for goal in goals if goal.peer}
        asked = {"": (ours, 1.0), **{name: peer for name, peer in peers.items() if name in wanted}}
        for _ in range(ATTEMPTS if wanted else 0):
            seconds: dict[str, list[float]] = {name: [] for name in asked}
            for _ in range(ROUNDS):
                for name, (run, part) in asked.items():
                    given = made()
                    start = process_time()  # others on the core would cost the longer run more than the shorter
                    for _ in range(repeat):
                        run(*given)
                    seconds[name].append((process_time() - start) / part)
            medians = {name: median(times) for name, times in seconds.items()}
            missed = [goal for goal in goals if not goal.holds(medians[""], medians, MARGIN)]
            if not missed:
                return
        if wanted:
            said = "; ".join(
                f"{goal.text(medians[''], medians)}, is {medians[''] / medians[goal.peer]:.3g}x its time"
                for goal in missed
            )
            pytest.fail(f"{question}, beyond a margin of {MARGIN}, {ATTEMPTS} times: {said}")


@pytest.fixture
def compare(benchmark: Any, request: pytest.FixtureRequest) -> Compare:
    return Compare(benchmark, request.config.stash.setdefault(ROWS, []))


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    if file_path.name.startswith("bench_") and file_path.suffix == ".py":
        if parent.session.isinitpath(file_path):
            return None  # named on the command line: pytest takes it anyway
        module: pytest.Module = pytest.Module.from_parent(parent, path=file_path)
        return module
    return None


def processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor()
    models = (line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name"))
    return next(models, platform.processor())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    rows = terminalreporter.config.stash.get(ROWS, [])
    if not rows:
        return
    say = terminalreporter.write_line
    terminalreporter.section("ratios: a peer's median time by ours, so above 1 ours is faster")
    versions = f"Python {platform.python_version()}, numpy {np.__version__}"
    say(f"{processor()}, {versions}, medians of {ROUNDS} turns")
    say("")
    say("| question | ours | peers, as multiples of our time | goals |")
    say("|---|---|---|---|")
    for row in rows:
        ratios = {name: seconds / row.ours for name, seconds in row.peers.items()}
        peers = ", ".join(f"{name} {_digits(ratio)}x" for name, ratio in ratios.items())
        goals = "; ".join(goal.text(row.ours, row.peers) for goal in row.goals)
        say(f"| {row.question} | {readable(row.ours)} | {peers} | {goals} |")


def _digits(ratio: float) -> str:
    return f"{ratio:.{1 if ratio >= 1 else 2 if ratio >= 0.1 else 4}f}"


def readable(seconds: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if seconds * scale >= 1:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"
