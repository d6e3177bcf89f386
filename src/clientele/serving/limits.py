"""How many requests of a caller are answered in a second."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Bucket"]


class Bucket:
    """A token bucket: `rate` requests a second, and as many at once after a second of silence.

    Parameters
    ----------
    rate : float
        Requests a second, above zero.
    clock : callable
        Seconds that only go forward.

    Examples
    --------
    >>> seconds = iter([0.0, 0.0, 0.0, 0.5])
    >>> bucket = Bucket(2, clock=lambda: next(seconds))
    >>> bucket.takes(), bucket.takes(), bucket.takes()
    (True, True, True)
    """

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate = rate
        self._clock = clock
        self._most = max(rate, 1.0)
        self._held = self._most
        self._last = clock()

    def takes(self) -> bool:
        """Return whether one more request may pass, and count it if so."""
        now = self._clock()
        self._held = min(self._most, self._held + (now - self._last) * self.rate)
        self._last = now
        if self._held < 1:
            return False
        self._held -= 1
        return True
