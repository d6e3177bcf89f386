"""Experiments in words, as the marts have them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["told"]


def told(warehouse: Any) -> Iterator[str]:
    """Yield a line for each experiment, and one for each arm that has been compared in all customers.

    Parameters
    ----------
    warehouse : object
        With ``rows(sql)``, as `clientele.runtime.warehouses` opens it.

    Yields
    ------
    str
    """
    compared = warehouse.rows(
        "select experiment, arm_label, measure_label, measure_role, verdict, relative_effect, relative_low, "
        "relative_high from marts.experiment_results where persona = 'all' and not is_control "
        "and measure_role in ('decisive', 'guardrail') order by experiment, measure_role, measure, arm"
    )
    for name, status, label, n_customers, ends, detectable, reason in warehouse.rows(
        "select experiment, status, label, n_customers, ends_date, detectable_effect, reason "
        "from marts.experiments order by experiment"
    ):
        said = f"{name}: {status}. {label if label[-1:] in '?!.' else f'{label}.'}"
        if status != "too_small":  # then the reason has the figures
            said += f" About {n_customers:,} customers." if n_customers else ""
            said += f" Sees a change of {detectable:.0%} or more." if detectable is not None else ""
        said += f" Measured up to {ends}." if ends else ""
        yield f"{said} {reason or ''}".rstrip()
        for experiment, arm, measure, role, verdict, effect, low, high in compared:
            if experiment == name:
                figures = "" if effect is None else f": {effect:+.1%} [{low:+.1%}, {high:+.1%}]"
                yield f"  {arm}, {measure} ({role}): {verdict.replace('_', ' ')}{figures}"
