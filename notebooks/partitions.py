"""Beyond one machine: a log in partitions, each decided by a worker, and the answers added up.

Here the workers are processes of this machine, a local cluster of Dask's (``pip install 'dask[distributed]'``);
``Client("scheduler:8786")`` in its place makes them those of a real one. Nothing in ``decide`` knows of Dask: any
engine that calls a function for each file does.

    python partitions.py repository/manifests FOLDER_OF_LOGS
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import canarysim as cs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CHUNK_ROWS = 1_000_000
"""A worker has so many rows in its memory at a time."""


class Answer(NamedTuple):
    """What a worker sends back: counts, some kilobytes whatever the partition; and how many rows it left out."""

    simulation: Any
    left_out: int


def requests_of(partition: str, table: cs.RouteTable) -> Iterator[tuple[cs.Traffic, int]]:
    """The requests of an access log, or of a Parquet file, in chunks, with the number of rows left out of each."""
    needed = table.columns_needed
    if partition.endswith(".parquet"):
        from pyarrow.parquet import ParquetFile  # type: ignore[import-untyped,unused-ignore]

        for batch in ParquetFile(partition).iter_batches(CHUNK_ROWS):
            yield cs.Traffic.from_arrow(batch, columns=needed), 0
        return
    try:
        for traffic in cs.read_access_log(partition, columns=needed, chunk_rows=CHUNK_ROWS):
            yield traffic, traffic.log.skipped
    except cs.InvalidValue as error:
        if error.code != "empty_log":  # an hour in which nobody came is nothing wrong
            raise


def decide(partition: str, seed: Any, *, table: cs.RouteTable) -> Answer:
    """Where the requests of one partition go. This is all that a worker does."""
    left_out = []

    def chunks() -> Iterator[cs.Traffic]:
        for traffic, skipped in requests_of(partition, table):
            left_out.append(skipped)
            yield traffic

    simulation = cs.simulate(table, chunks(), rng=seed, keep="counts", progress=False)
    return Answer(simulation, sum(left_out))


def total(answers: Iterable[Answer]) -> Answer:
    """The answers of all partitions as one."""
    answers = list(answers)
    return Answer(sum(answer.simulation for answer in answers), sum(answer.left_out for answer in answers))


def seeds_of(partitions: list[str], seed: int) -> list[Any]:
    """A seed for each partition: independent ones, and the same whoever works on which."""
    from numpy.random import SeedSequence

    return SeedSequence(seed).spawn(len(partitions))


def on_a_cluster(client: Any, table: cs.RouteTable, partitions: list[str], seed: int) -> Answer:
    """The answer of all partitions by the workers of a ``dask.distributed.Client``."""
    # The table goes to each worker once. It travels as its values and is made ready where it is first asked. Under
    # a name of its own (hash=False): of a name that is just being forgotten Dask would lose the new data as well.
    shared = client.scatter(table, broadcast=True, hash=False)
    answers = client.map(decide, partitions, seeds_of(partitions, seed), table=shared)
    answer: Answer = client.submit(total, answers).result()
    return answer


def main(manifests: str, folder: str) -> None:
    from dask.distributed import Client, LocalCluster

    table = cs.load(manifests)
    partitions = sorted(str(file) for file in Path(folder).iterdir() if file.is_file())
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        answer = on_a_cluster(client, table, partitions, seed=1)
    print(f"{len(partitions)} partitions, {answer.left_out} rows left out\n")
    print(answer.simulation)


if __name__ == "__main__":
    main(*sys.argv[1:])
