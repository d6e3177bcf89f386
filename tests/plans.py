"""Experiments as files would define them, for tests."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

ARMS = [
    {"name": "holdout", "share": 0.5, "label": "No mail", "label_fr": "Sans courriel"},
    {"name": "mail", "share": 0.5, "label": "Mail", "label_fr": "Courriel"},
]
GOOD = {
    "label_fr": "Un essai",
    "purpose": "A mail",
    "audience": "everybody",
    "starts": "2020-01-01",
    "horizon_days": 28,
    "measure": "visits",
    "smallest_effect": 0.1,
    "arms": ARMS,
}
AUDIENCES = {
    "everybody": {
        "label_fr": "Tous",
        "purpose": "A test",
        "expires": "2027-12-31",
        "where": {"field": "n_orders", "at_least": 0},
    }
}


def planned(experiments: dict[str, dict], audiences: dict[str, dict] = AUDIENCES) -> Callable:
    """Return a change of the project: these experiments, and these audiences beside the shipped ones."""

    def change(manifest) -> None:
        pattern = manifest.exposures["exposure.clientele.new_buyers"]
        for kind, metas in (("audience", audiences), ("experiment", experiments)):
            for name, meta in metas.items():
                exposure = deepcopy(pattern)
                exposure.name, exposure.unique_id = name, f"exposure.clientele.{name}"
                exposure.original_file_path = f"{kind}s/{name}.yml"
                exposure.config.meta.clear()
                exposure.config.meta.update({kind: meta})
                manifest.exposures[exposure.unique_id] = exposure

    return change
