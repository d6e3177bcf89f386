"""Publications with rows that a small shop has none of: experiments, a budget, changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

_TRIED = {
    "label": "Does a reminder bring people back?",
    "label_fr": "Un rappel fait-il revenir ?",
    "description": "",
    "owner_name": "marketing",
    "purpose": "A mail",
    "file_name": "experiments/x.yml",
    "audience": "everybody",
    "measure": "buyers",
    "control_arm": "holdout",
    "guardrails": "visits",
    "playbook_measure": "",
    "starts_date": "2020-01-01",
    "horizon_days": 28,
    "smallest_effect": 0.1,
    "as_of_date": "2020-03-15",
    "n_customers": 4000,
    "detectable_effect": 0.08,
}
_SECOND = {"label": "Does a gift bring people back?", "label_fr": "Un cadeau fait-il revenir ?"}
_DRAWN = {"assigned_date": "2020-02-01", "ends_date": "2020-02-29", "ratio_status": "as_drawn"}
_ASKED = {"assigned_date": None, "ends_date": None, "n_needed": 120_000}
EXPERIMENTS = [
    _TRIED | _DRAWN | {"experiment": "over", "status": "over", "playbook_measure": "second_order"},
    _TRIED | _DRAWN | {"experiment": "alarm", "status": "running", "ratio_status": "alarm"} | _SECOND,
    _TRIED | _ASKED | {"experiment": "small", "status": "too_small"},
]


def _results(experiment: str, is_over: bool) -> list[dict[str, Any]]:
    rows = []
    for measure, role, label, label_fr in (
        ("buyers", "decisive", "Customers who order", "Clients qui commandent"),
        ("visits", "guardrail", "Days with a visit", "Jours avec visite"),
    ):
        for persona, name, name_fr in (
            ("all", "All customers", "Tous les clients"),
            ("1", "Night owls", "Noctambules"),
        ):
            for arm, label_arm, label_arm_fr in (
                ("holdout", "No mail", "Sans courriel"),
                ("mail", "Mail", "Courriel"),
            ):
                is_seen = arm == "mail" and (is_over or role == "guardrail")
                verdict = "control" if arm == "holdout" else "better" if is_over else "ratio_alarm"
                rows.append(
                    {
                        "experiment": experiment,
                        "measure": measure,
                        "persona": persona,
                        "arm": arm,
                        "measure_role": role,
                        "measure_label": label,
                        "measure_label_fr": label_fr,
                        "persona_name": name,
                        "persona_name_fr": name_fr,
                        "arm_label": label_arm,
                        "arm_label_fr": label_arm_fr,
                        "expected_share": 0.5,
                        "is_control": arm == "holdout",
                        "is_over": is_over,
                        "as_of_date": "2020-03-15",
                        "n_customers": 2000 if persona == "all" else 300,
                        "n_with_value": 200,
                        "mean_value": 0.1 if is_over or role == "guardrail" else None,
                        "effect": 0.021 if is_seen else None,
                        "effect_low": 0.004 if is_seen else None,
                        "effect_high": 0.038 if is_seen else None,
                        "relative_effect": 0.21 if is_seen else None,
                        "shrunken_effect": 0.018 if is_seen else None,
                        "shrunken_low": 0.002 if is_seen else None,
                        "shrunken_high": 0.034 if is_seen else None,
                        "verdict": verdict,
                    }
                )
    return rows


RESULTS = _results("over", True) + _results("alarm", False)
BUDGET = [
    {
        "scenario": scenario,
        "scenario_position": place,
        "segment": segment,
        "channel": channel,
        "spend_before": before,
        "spend": before * factor,
        "response": None if channel == "radio" else before * factor * 3,
        "response_lo": None if channel == "radio" else before * factor * 2,
        "response_hi": None if channel == "radio" else before * factor * 4,
        "marginal_return": None if channel == "radio" else 1.4,
        "marginal_lo": None if channel == "radio" else 0.8,
        "marginal_hi": None if channel == "radio" else 2.1,
        "basis": "refused" if channel == "radio" else "scenario",
        "reason": "",
        "n_weeks": 52,
        "model_version": "x",
    }
    for place, (scenario, moved) in enumerate((("as_before", 1.0), ("same_sum", 1.25)), start=1)
    for segment, channel, before, factor in (
        ("Loyal customers", "search", 1000.0, moved),
        ("Loyal customers", "mail", 250.0, 1.0),
        ("New customers", "radio", 400.0, 1.0),
    )
]
# One series for each way of changing.
CHANGES = [
    {
        "period_grain": "week",
        "period_date": "2020-01-20",
        "drift_kind": kind,
        "series": series,
        "verdict": verdict,
        "severity": severity,
        "shift_kind": shift,
        "since_date": "2020-01-13",
        "is_newest": True,
    }
    for kind, series, verdict, severity, shift in (
        ("data", "feed", "data_error", "error", None),
        ("data", "families", "sudden", "error", "covariate"),
        ("data", "prices", "progressive", "warn", None),
        ("data", "orders", "recurring", "none", "prior"),
        ("concept", "visits_orders", "sudden", "warn", "relation"),
        ("model", "persona_stays", "too_early", "none", None),
    )
]
HEALTH = [
    {
        "question": "events",
        "health_state": "ok",
        "promised": 36,
        "newest_date": "2020-01-31",
        "until_date": "2020-02-01",
    },
    {"question": "feed", "health_state": "error", "figure": 2},
    {"question": "books", "health_state": "ok", "figure": 0},
    {"question": "data_errors", "health_state": "warn", "figure": 1},
    {"question": "drift", "health_state": "error", "figure": 3},
    {"question": "gates", "health_state": "warn", "figure": 1},
    {"question": "model_age", "health_state": "warn", "figure": 400, "promised": 365},
    {"question": "refit", "health_state": "warn", "figure": 1},
    {"question": "refit_heads", "health_state": "warn", "figure": 1},
]
EVERYTHING = {
    "experiments": EXPERIMENTS,
    "experiment_results": RESULTS,
    "budget_plan": BUDGET,
    "drift_findings": CHANGES,
    "shop_health": HEALTH,
}


def publish(folder: Path, target: Path, tables: dict[str, list[dict[str, Any]]] = EVERYTHING) -> Path:
    """Copy a publication; `tables` have these rows instead of their own, empty where a row says nothing."""
    target.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.parquet"):
        if path.stem not in tables:
            (target / path.name).write_bytes(path.read_bytes())
            continue
        columns = duckdb.execute(f"describe from '{path}'").fetchall()
        unknown = {name for row in tables[path.stem] for name in row} - {column[0] for column in columns}
        assert not unknown, f"{path.stem} has no {unknown}"
        with duckdb.connect() as connection:
            connection.execute(f"create table rows as from '{path}' limit 0")
            for row in tables[path.stem]:
                values = [row.get(column[0]) for column in columns]
                connection.execute(f"insert into rows values ({', '.join('?' * len(values))})", values)
            connection.execute(f"copy rows to '{target / path.name}' (format parquet)")
    return target
