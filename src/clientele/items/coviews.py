"""The family of a product that came without one, from the products that were seen in the same sessions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.special import logsumexp
from scipy.stats import t as student_t

N_DRAWS = 10
LEVEL = 0.95
MIN_PRODUCTS = 50
MASKED = 0.3
_PRIOR, _REST = 2.0, 0.5
# Tried on products whose family is known: how much a product seen beside counts, and how the count is bent.
_TEMPERATURES = (0.4, 0.7, 1.0, 1.5, 2.0, 3.0)
_POWERS = (0.25, 0.5, 0.75)


class Coviews:
    """How often products were seen in one session with products of each family.

    Parameters
    ----------
    seen : DataFrame
        ``visit`` and ``product_id``, a row for each product of a session, no row twice.
    families : Series of str
        By product_id: the family of every product of `seen`.

    Attributes
    ----------
    products : ndarray, shape (n_products,)
    names : ndarray of str, shape (n_families,)
        Ascending.
    codes : ndarray of int, shape (n_products,)
        Place of each product's family in `names`.
    n_visits : ndarray of float, shape (n_products,)
    """

    def __init__(self, seen: pd.DataFrame, families: pd.Series) -> None:
        seen = seen[seen["product_id"].isin(families.index)]
        self.products, columns = np.unique(seen["product_id"].to_numpy(), return_inverse=True)
        visits, rows = np.unique(seen["visit"].to_numpy(), return_inverse=True)
        shape = (len(visits), len(self.products))
        self._seen = sparse.csr_matrix((np.ones(len(seen)), (rows, columns)), shape=shape)
        own = families.loc[self.products].astype(str).to_numpy()
        self.names, self.codes = np.unique(own, return_inverse=True)
        self.n_visits = np.asarray(self._seen.sum(axis=0)).ravel()

    def counts(self, known: np.ndarray) -> np.ndarray:
        """Count pairs with other products, by the other's family.

        Parameters
        ----------
        known : ndarray of bool, shape (n_products,)
            Whose family may be looked at.

        Returns
        -------
        ndarray of float, shape (n_products, n_families)
        """
        places = np.flatnonzero(known)
        one = sparse.csr_matrix(
            (np.ones(len(places)), (places, self.codes[places])), shape=(len(known), len(self.names))
        )
        found = self._seen.T @ (self._seen @ one).toarray()
        # A product is seen with itself in each of its sessions.
        found[places, self.codes[places]] -= self.n_visits[places]
        return found


class FamilyOfProduct:
    """Naive Bayes on bent counts: a product belongs to the family whose products are seen in such company.

    The score of a family is ln(its share of products) + temperature · Σ n_f / n^power · ln(share of f in the
    company of its products): linear in the counts n_f, so that it is rows of weights.

    Parameters
    ----------
    temperature, power : float

    Attributes
    ----------
    intercepts_ : ndarray, shape (n_families,)
    weights_ : ndarray, shape (n_families, n_families)
        Of each family, by the family that was seen beside.

    References
    ----------
    Rennie, Shih, Teevan and Karger (2003), Tackling the poor assumptions of naive Bayes text classifiers.
    """

    def __init__(self, temperature: float = 1.5, power: float = 0.5) -> None:
        self.temperature = temperature
        self.power = power

    def fit(self, counts: np.ndarray, codes: np.ndarray, weight: np.ndarray | None = None) -> Self:
        """Learn from products whose family is known.

        Parameters
        ----------
        counts : ndarray, shape (n_products, n_families)
        codes : ndarray of int, shape (n_products,)
        weight : ndarray of float, shape (n_products,), or None
            How often each product counts.
        """
        n_families = counts.shape[1]
        weight = np.ones(len(codes)) if weight is None else weight
        share = np.bincount(codes, weight, n_families) + _REST
        company = counts.sum(axis=0) + 1e-9
        # A product that everybody sees tells no more of its family than the root of its company.
        bent = weight[:, None] * counts / np.sqrt(np.maximum(counts.sum(axis=1, keepdims=True), 1))
        seen = np.zeros((n_families, n_families))
        np.add.at(seen, codes, bent)
        seen = (seen + _PRIOR * company / company.sum()) / (seen.sum(axis=1, keepdims=True) + _PRIOR)
        self.intercepts_ = np.log(share / share.sum())
        self.weights_ = self.temperature * np.log(seen)
        return self

    def predict_proba(self, counts: np.ndarray) -> np.ndarray:
        """Return the chance of each family, shape (n_products, n_families)."""
        bent = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1) ** self.power
        score = self.intercepts_ + bent @ self.weights_.T
        return np.exp(score - logsumexp(score, axis=1, keepdims=True))


def tuned(coviews: Coviews, known: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """Return the temperature and the power with the smallest log loss on products that are held back."""
    held = known & (np.random.default_rng([seed, 1]).random(len(known)) < MASKED)
    if not held.any() or not (known & ~held).any():
        return 1.5, 0.5
    counts = coviews.counts(known & ~held)
    best = (np.inf, 1.5, 0.5)
    for temperature in _TEMPERATURES:
        for power in _POWERS:
            model = FamilyOfProduct(temperature, power).fit(
                counts[known & ~held], coviews.codes[known & ~held]
            )
            chance = model.predict_proba(counts[held])[np.arange(held.sum()), coviews.codes[held]]
            best = min(best, (-float(np.log(chance + 1e-9).mean()), temperature, power))
    return best[1:]


def draws_of(
    coviews: Coviews, known: np.ndarray, n_draws: int = N_DRAWS, seed: int = 0
) -> list[FamilyOfProduct]:
    """Return the model of all known products, and one of a bootstrap over them for each draw.

    What is drawn from the first alone would say nothing of what the model does not know itself (Rubin, 1987).
    """
    temperature, power = tuned(coviews, known, seed)
    counts = coviews.counts(known)[known]
    codes = coviews.codes[known]
    generator = np.random.default_rng([seed, 2])
    weights = [None, *(generator.poisson(1.0, len(codes)).astype(float) for _ in range(n_draws))]
    return [FamilyOfProduct(temperature, power).fit(counts, codes, weight) for weight in weights]


def drawn(chances: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Return the family at which the running sum of the chances passes a number from 0 to 1.

    Examples
    --------
    >>> drawn(np.array([[0.2, 0.8], [0.2, 0.8]]), np.array([0.1, 0.3])).tolist()
    [0, 1]
    """
    return (np.cumsum(chances, axis=1)[:, :-1] <= uniform[:, None]).sum(axis=1)


def combined(figures: np.ndarray, level: float = LEVEL) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean and ends of the interval of figures that were worked out for each draw.

    The figure is one of the shop as it was: between draws alone it moves.

    Parameters
    ----------
    figures : ndarray, shape (n_draws, n_figures)
    level : float

    References
    ----------
    Rubin (1987), Multiple imputation for nonresponse in surveys (total variance, here without that within).

    Examples
    --------
    >>> [float(one[0]) for one in combined(np.array([[1.0], [1.0]]))]
    [1.0, 1.0, 1.0]
    """
    n_draws = len(figures)
    mean = figures.mean(axis=0)
    spread = np.sqrt((1 + 1 / n_draws) * figures.var(axis=0, ddof=1))
    half = student_t.ppf((1 + level) / 2, n_draws - 1) * spread
    return mean, mean - half, mean + half


def masked_trial(
    coviews: Coviews, n_repeats: int = 5, share: float = MASKED, seed: int = 0
) -> dict[str, float]:
    """Hide the family of some products at random, and look whether it is found again.

    Parameters
    ----------
    coviews : Coviews
    n_repeats : int
    share : float
        Of the products, hidden each time.
    seed : int

    Returns
    -------
    dict
        ``right_share`` of the hidden products; ``right_share_most_seen``: with the family that they were seen
        with most often; ``right_share_largest``: with the largest family; ``coverage_95``: how often the
        interval of a family's share of all that was seen held it.
    """
    right, most_seen, largest, held = [], [], [], []
    weight = coviews.n_visits
    whole = np.bincount(coviews.codes, weight, len(coviews.names))
    for repeat in range(n_repeats):
        generator = np.random.default_rng([seed, 3, repeat])
        known = generator.random(len(coviews.codes)) >= share
        if known.all() or not known.any():
            continue
        counts, hidden = coviews.counts(known)[~known], coviews.codes[~known]
        models = draws_of(coviews, known, seed=seed + repeat)
        right.append((models[0].predict_proba(counts).argmax(axis=1) == hidden).mean())
        most_seen.append((counts.argmax(axis=1) == hidden).mean())
        largest.append((np.bincount(coviews.codes[known]).argmax() == hidden).mean())
        figures = []
        for model in models[1:]:
            codes = coviews.codes.copy()
            codes[~known] = drawn(model.predict_proba(counts), generator.random(len(hidden)))
            figures.append(np.bincount(codes, weight, len(coviews.names)))
        _, low, high = combined(np.array(figures))
        held.append(((whole >= low - 1e-9) & (whole <= high + 1e-9)).mean())
    names = ("right_share", "right_share_most_seen", "right_share_largest", "coverage_95")
    means = [float(np.mean(own)) if own else np.nan for own in (right, most_seen, largest, held)]
    return dict(zip(names, means, strict=True))


def refusal(n_products: int, n_families: int, what: str) -> str:
    """Say why nothing is imputed, or nothing.

    Examples
    --------
    >>> refusal(50, 2, "category family")
    ''
    >>> refusal(49, 2, "category family")
    'It takes 50 products with a category family to learn it from their company; there are 49.'
    >>> refusal(50, 1, "brand")
    'There is one brand: nothing is to be told apart.'
    """
    if n_products < MIN_PRODUCTS:
        return (
            f"It takes {MIN_PRODUCTS} products with a {what} to learn it from their company; "
            f"there are {n_products}."
        )
    if n_families < 2:
        return f"There is one {what}: nothing is to be told apart."
    return ""


def weight_rows(models: Sequence[FamilyOfProduct], names: Sequence[str]) -> pd.DataFrame:
    """Return the models as rows: one for each draw (0: the most likely family) and family.

    Returns
    -------
    DataFrame
        ``draw``, ``output`` (the family), ``intercept``, ``power`` and ``w:<family>`` for each family that
        was seen beside.
    """
    rows = []
    for draw, model in enumerate(models):
        for place, name in enumerate(names):
            own = {f"w:{other}": model.weights_[place, column] for column, other in enumerate(names)}
            start = {"draw": draw, "output": name, "intercept": model.intercepts_[place]}
            rows.append(start | {"power": model.power} | own)
    return pd.DataFrame(rows)
