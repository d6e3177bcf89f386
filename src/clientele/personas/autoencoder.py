"""The deep challenger's space: the code of an autoencoder, in dense layers that rows of weights can hold."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from sklearn.utils.validation import check_is_fitted

from clientele.personas.pipeline import HabitSpace

# Customers from whom an autoencoder learns, at most, and how often it sees them.
N_LEARNT, N_EPOCHS = 4000, 100


class CodeSpace(HabitSpace):
    """The habit space, bent: an autoencoder's code of the weighted features takes the place of their axes.

    Ranges, reliability and selection are those of `HabitSpace`. The encoder has the layers of
    ``settings.layers``. Every unit is a rectifier, max(0, ·), so that the code is a chain of linear scores
    clipped at 0, which SQL works out exactly. The decoder is linear: two codes are as far apart as what it
    makes of them, and that is affine in the code.

    Parameters
    ----------
    settings : Settings
        With ``layers``.

    Attributes
    ----------
    layers_ : list of tuple of ndarray
        Weights, shape (n_inputs, n_units), and biases, shape (n_units,), of each layer of the encoder. The
        inputs of the first are the coordinates of a `HabitSpace` without loss.
    decoder_ : ndarray, shape (layers[-1], n_components)
        The code times this are the coordinates.
    explained_variance_ : float
        Share of the weighted features' variance that the decoder gives back.

    References
    ----------
    Hinton and Salakhutdinov (2006), Reducing the dimensionality of data with neural networks.
    Nair and Hinton (2010), Rectified linear units improve restricted Boltzmann machines.

    Examples
    --------
    >>> from datetime import date
    >>> from clientele.personas.settings import Settings
    >>> values = np.random.default_rng(0).normal(size=(300, 3))
    >>> CodeSpace(Settings(as_of=date(2020, 4, 30), layers=(4, 2))).fit(values).transform(values[:5]).shape
    (5, 2)
    """

    def fit(
        self, values: np.ndarray, parts: np.ndarray | None = None, reliability: np.ndarray | None = None
    ) -> CodeSpace:
        """Learn ranges, selection and code; the arguments are those of `HabitSpace.fit`."""
        super().fit(values, parts, reliability)
        settings = self.settings
        inputs = super().transform(values)
        order = np.random.default_rng([settings.seed, 11]).permutation(len(inputs))[:N_LEARNT]
        # One factor for all axes, so that units begin about where their inputs are.
        factor = np.sqrt(inputs.shape[1] / inputs.var(axis=0).sum())
        learnt = factor * inputs[np.sort(order)]
        model = MLPRegressor(
            hidden_layer_sizes=settings.layers,
            max_iter=N_EPOCHS,
            learning_rate_init=0.005,
            n_iter_no_change=N_EPOCHS,
            random_state=settings.seed,
        )
        with warnings.catch_warnings():
            # So many epochs are what each fit gets; it need not have come to rest.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(learnt, learnt if learnt.shape[1] > 1 else learnt[:, 0])
        self.layers_ = list(zip(model.coefs_[:-1], model.intercepts_[:-1], strict=True))
        self.layers_[0] = (factor * self.layers_[0][0], self.layers_[0][1])
        # Distances are those of what is decoded: a code by itself has no unit. R of a QR decomposition gives
        # the same distances in as few dimensions as the code has.
        self.decoder_ = np.linalg.qr((model.coefs_[-1] / factor).T, mode="r").T
        lost = ((learnt - model.predict(learnt).reshape(learnt.shape)) ** 2).sum()
        self.explained_variance_ = float(1 - lost / ((learnt - learnt.mean(axis=0)) ** 2).sum())
        return self

    def _count_components(self, explained: np.ndarray) -> int:
        """All axes: what the code leaves out is the autoencoder's to choose."""
        return len(explained)

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Return coordinates, shape (n_users, n_components); features in the order of the fit."""
        check_is_fitted(self, "layers_")
        code = super().transform(values)
        for weights, biases in self.layers_:
            code = np.maximum(code @ weights + biases, 0.0)
        return code @ self.decoder_
