"""How a build ends when it is told to: with a sentence, at once.

TERM is what a container, a cluster or a service manager sends, INT what a terminal does. Left to themselves
they end dbt without a word, or in a page of stack traces, or not at all while a statement or a fit runs: a
signal waits for the main thread. So a thread of its own waits for the signal, says what is left, and ends the
process. No unwinding is needed: every table goes on from its own mark, and a build may be killed at any
statement (tests/end_to_end/test_faults.py).
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

__all__ = ["SECONDS", "before_the_end", "listen", "unwinding"]

SECONDS = 2.0  # for each word that is sent before the end
_AT_MOST = 9.0  # for all that is done before it: a container that is asked to stop is killed after ten

_SENTENCE = (
    "Stopped by {name}. What was loaded is kept, the last publication stays, and nothing is to be done by "
    "hand: "
    "the next dbt build goes on from here."
)
_callbacks: list[Callable[[str], None]] = []
_heard: queue.SimpleQueue[int] = queue.SimpleQueue()


def before_the_end(callback: Callable[[str], None]) -> None:
    """Have this called with the name of the signal, before the process ends. It must be quick."""
    _callbacks.append(callback)


def listen() -> None:
    """Have TERM and INT end this process, if dbt is its program; does nothing outside the main thread.

    Who runs dbt inside a program of its own keeps that one's signals, and a signal that is ignored stays so.
    """
    if Path(sys.argv[0]).stem != "dbt" or threading.current_thread() is not threading.main_thread():
        return
    ours = [
        number
        for number in (signal.SIGTERM, signal.SIGINT)
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler)
    ]
    if not ours:
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    # both by now: a Python that is about to end starts no thread
    threading.Thread(target=_wait, args=(reading,), daemon=True).start()
    threading.Thread(target=_end_at_last, daemon=True).start()
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in ours:
        signal.signal(number, _stand_still)


@contextmanager
def unwinding() -> Iterator[None]:
    """Have TERM and HUP end the block as INT does, so that what it has begun is cleared away.

    For a command that holds a customer's data in files of its own for a moment.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [one for one in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(one) == signal.SIG_DFL]

    def end(number: int, _: FrameType | None) -> None:
        sys.exit(128 + number)

    for number in numbers:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def _stand_still(*_: object) -> None:
    """Let the main thread do no more, as the other one has heard the signal: a build could end meanwhile."""
    threading.Event().wait()


def _wait(reading: int) -> None:
    while True:
        (number,) = os.read(reading, 1)
        if number in (signal.SIGTERM, signal.SIGINT):
            _end(number)


def _end_at_last() -> None:
    number = _heard.get()
    time.sleep(_AT_MOST)
    os._exit(128 + number)


def _end(number: int) -> None:
    name = signal.Signals(number).name
    _heard.put(number)
    with suppress(OSError):  # nobody reads any more, as of a pipe that INT has ended, too
        os.write(1, f"\n{_SENTENCE.format(name=name)}\n".encode())
    for callback in _callbacks:
        try:
            callback(name)
        except Exception as problem:
            with suppress(OSError):
                os.write(2, f"{problem}\n".encode())
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    os._exit(128 + number)
