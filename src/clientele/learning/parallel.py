"""Independent tasks in processes of their own: the same results, bit for bit, as one process gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from joblib import Parallel, cpu_count, delayed
from threadpoolctl import threadpool_limits

# Whether this process was started for a task: what a task hands on stays in its process.
_is_apart = False


def in_parallel(n_workers: int, task: Callable, arguments: Sequence[tuple]) -> list:
    """Call a task with each tuple of arguments, in so many processes; the results do not depend on how many.

    There are no more processes than processors for us: joblib knows those of a container, and
    LOKY_MAX_CPU_COUNT. Sums over threads are added in the order in which threads end, so each process has one
    thread. A task that comes here itself stays in its own process.

    Parameters
    ----------
    n_workers : int
        Processes at the most; 1: this one.
    task : callable
        Must not change its arguments: large arrays reach another process as memory that it cannot write to.
    arguments : sequence of tuple
        What each task is called with; worth a process of some tenths of a second.

    Returns
    -------
    list
        What the tasks returned, in the order of `arguments`. An error of a task is raised here.

    Examples
    --------
    >>> in_parallel(1, pow, [(2, 3), (3, 2)])
    [8, 9]
    """
    n_workers = 1 if _is_apart else min(n_workers, cpu_count())
    if n_workers <= 1 or len(arguments) < 2:
        return [_alone(task, own) for own in arguments]
    return Parallel(n_jobs=n_workers)(delayed(_apart)(task, own) for own in arguments)


def _apart(task: Callable, arguments: tuple) -> object:
    global _is_apart
    _is_apart = True
    return _alone(task, arguments)


def _alone(task: Callable, arguments: tuple) -> object:
    with threadpool_limits(limits=1):
        return task(*arguments)
