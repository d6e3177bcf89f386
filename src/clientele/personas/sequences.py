"""Codes of event sequences by a small recurrent network: they are compared, and score nobody."""

from __future__ import annotations

import warnings
from typing import Self

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

KINDS = ("view", "cart", "remove_from_cart", "purchase")
N_STEPS, N_UNITS, N_EPOCHS = 64, 12, 8
_N_INPUTS = len(KINDS) + 3


def encode(events: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Write each history as steps.

    Parameters
    ----------
    events : DataFrame, one row per event, in the order of time within `row`
        ``row`` (int, whose history as of when), ``event_type``, ``session_sk``, ``product_id``, ``event_at``.

    Returns
    -------
    tuple of ndarray
        The rows, ascending, shape (n,). The newest `N_STEPS` steps of each, shape (n, N_STEPS, 7): kind of
        event, whether a session begins, whether it is the product of the step before, ln of the minutes
        since; the first steps stand first, what is missing at the end is 0. How many steps each has.

    Examples
    --------
    >>> day = pd.Timestamp("2020-01-01")
    >>> events = pd.DataFrame({"row": [4], "event_type": ["cart"], "session_sk": [1], "product_id": [7]})
    >>> rows, steps, lengths = encode(events.assign(event_at=day))
    >>> rows.tolist(), steps[0, 0].tolist(), lengths.tolist()
    ([4], [0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0], [1])
    """
    from_end = events.groupby("row").cumcount(ascending=False)
    events = events[from_end < N_STEPS].reset_index(drop=True)
    place = events.groupby("row").cumcount().to_numpy()
    before = events.shift(1)
    is_first = place == 0
    minutes = (events["event_at"] - before["event_at"]).dt.total_seconds().to_numpy() / 60
    rows, owner = np.unique(events["row"], return_inverse=True)
    steps = np.zeros((len(rows), N_STEPS, _N_INPUTS))
    steps[owner, place, events["event_type"].map({kind: n for n, kind in enumerate(KINDS)})] = 1
    steps[owner, place, len(KINDS)] = is_first | (events["session_sk"] != before["session_sk"])
    steps[owner, place, len(KINDS) + 1] = ~is_first & (events["product_id"] == before["product_id"])
    steps[owner, place, len(KINDS) + 2] = np.where(is_first, 0, np.log1p(np.maximum(minutes, 0))) / 5
    return rows, steps, np.bincount(owner, minlength=len(rows))


class ElmanCodes:
    """A simple recurrent network that foretells the next step; its mean state is a history's code.

    The state of a step is a hidden layer's answer to the step and to the state before. It is trained as Elman
    (1990) did: states are worked out with the weights so far, taken as given inputs, and the layer learns by
    ordinary gradients to foretell the kind of the next event and whether a session begins with it.

    Parameters
    ----------
    n_units, n_epochs, seed : int

    Attributes
    ----------
    network_ : MLPClassifier
    loss_ : float
        Mean cross-entropy of the next step.

    References
    ----------
    Elman (1990), Finding structure in time.

    Examples
    --------
    >>> steps = np.zeros((30, N_STEPS, 7)); steps[:, :, 0] = 1; steps[:15, ::2, 4] = 1
    >>> codes = ElmanCodes(n_units=3, n_epochs=1).fit(steps, np.full(30, N_STEPS))
    >>> codes.transform(steps[:2], [64, 64]).shape
    (2, 3)
    """

    def __init__(self, n_units: int = N_UNITS, n_epochs: int = N_EPOCHS, seed: int = 0) -> None:
        self.n_units = n_units
        self.n_epochs = n_epochs
        self.seed = seed

    def fit(self, steps: np.ndarray, lengths: np.ndarray) -> Self:
        """Learn from histories as of `encode`."""
        is_there = np.arange(N_STEPS) < np.asarray(lengths)[:, None]
        has_next = is_there[:, 1:]
        following = 2 * steps[:, 1:, : len(KINDS)].argmax(axis=2) + steps[:, 1:, len(KINDS)].astype(int)
        target = following[has_next]
        # A new solver for each epoch would forget its step sizes: one estimator goes on.
        self.network_ = MLPClassifier((self.n_units,), activation="tanh", random_state=self.seed)
        states = np.zeros((len(steps), N_STEPS, self.n_units))
        for _ in range(self.n_epochs):
            earlier = np.concatenate([np.zeros_like(states[:, :1]), states[:, :-1]], axis=1)
            inputs = np.concatenate([steps, earlier], axis=2)[:, :-1][has_next]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                self.network_.partial_fit(inputs, target, classes=np.arange(2 * len(KINDS)))
            states = self._states(steps)
        self.loss_ = float(self.network_.loss_)
        return self

    def transform(self, steps: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Return the mean state of each history, shape (n, n_units)."""
        is_there = np.arange(N_STEPS) < np.asarray(lengths)[:, None]
        return (self._states(steps) * is_there[:, :, None]).sum(axis=1) / np.asarray(lengths)[:, None]

    def _states(self, steps: np.ndarray) -> np.ndarray:
        weights, biases = self.network_.coefs_[0], self.network_.intercepts_[0]
        state = np.zeros((len(steps), self.n_units))
        found = np.empty((len(steps), N_STEPS, self.n_units))
        for step in range(N_STEPS):
            state = np.tanh(np.hstack([steps[:, step], state]) @ weights + biases)
            found[:, step] = state
        return found
