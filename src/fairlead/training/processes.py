"""Runs calls on several processes, each on one thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from joblib import Parallel, delayed, parallel_config
from threadpoolctl import threadpool_limits

Result = TypeVar("Result")


def in_processes(
    task: Callable[..., Result], calls: Sequence[Sequence[Any]], jobs: int
) -> Iterator[Result]:
    """Yield what comes of each call, as they finish; with one job in this process, in their order.

    Args:
        task: a function of a module, so that it crosses process borders.
        calls: its arguments, call by call.
        jobs: processes.
    """
    if jobs == 1:
        with threadpool_limits(1):
            for call in calls:
                yield task(*call)
        return
    # One thread per process: small fits on several threads of a busy machine crawl.
    with parallel_config("loky", inner_max_num_threads=1):
        parallel = Parallel(n_jobs=jobs, return_as="generator_unordered")
        yield from parallel(delayed(task)(*call) for call in calls)
