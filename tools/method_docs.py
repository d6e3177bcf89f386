"""Figures of built warehouses as Markdown, between the markers of docs/method.md and docs/model-card.md.

``make method-docs`` builds the shops and runs this last. A block in a document looks like this; everything
between its two lines is written anew::

    <!-- figures: synthetic.personas -->
    <!-- end of figures -->

Warehouses are opened read-only. Blocks of a shop that is not given stay as they are; a table that a build
does not have is said to be missing, never left out.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb

from clientele.markdown import NOTHING, number, table

DOCUMENTS = (Path("docs/method.md"), Path("docs/model-card.md"))
BLOCK = re.compile(r"(<!-- figures: (\w+)\.(\w+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)

# The model that the figures are of: the champion, or the newest fit where nothing scores.
MODEL = "(select fit_number from core.segment_models order by is_champion desc, fit_number desc limit 1)"
OF_MODEL = f"where fit_number = {MODEL}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the figures into the documents; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.method_docs", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument(
        "shops", nargs="+", metavar="SHOP=HOME", help="a shop's name in the documents, and its CLIENTELE_HOME"
    )
    parser.add_argument(
        "--document", type=Path, action="append", help="instead of " + " and ".join(map(str, DOCUMENTS))
    )
    parser.add_argument("--figures", choices=sorted(FIGURES), action="append", help="only these; all without")
    options = parser.parse_args(arguments)
    try:
        homes = dict(_shop(text) for text in options.shops)
        for path in options.document or DOCUMENTS:
            path.write_text(fill(path.read_text("utf-8"), homes, str(path), options.figures), "utf-8")
    except (OSError, ValueError, duckdb.Error) as error:
        print(f"method_docs: {error}", file=sys.stderr)
        return 2
    return 0


def _shop(text: str) -> tuple[str, Path]:
    name, separator, home = text.partition("=")
    if not (separator and name and home):
        raise ValueError(f"{text!r} is no SHOP=HOME; write for example synthetic=warehouse.")
    warehouse = Path(home) / "warehouse.duckdb"
    if not warehouse.exists():
        raise ValueError(f"{warehouse} does not exist; build {name} first (make build), or correct the path.")
    return name, warehouse


def fill(
    text: str,
    warehouses: dict[str, Path],
    document: str = "the document",
    only: Sequence[str] | None = None,
) -> str:
    """Return the text with every block of these shops written anew.

    Parameters
    ----------
    text : str
        Markdown with blocks.
    warehouses : dict of str to Path
        Database file by shop.
    document : str
        What the text is called in an error message.
    only : sequence of str or None
        Figures to write; the other blocks stay as they are.

    Raises
    ------
    ValueError
        A block asks for figures that nobody knows, or a marker has no end.
    """
    if text.count("<!-- figures: ") != len(BLOCK.findall(text)):
        raise ValueError(
            f"{document}: a block has no '<!-- end of figures -->', or is not called shop.figures; "
            "mend its markers."
        )
    connections = {name: duckdb.connect(str(path), read_only=True) for name, path in warehouses.items()}

    def write(block: re.Match[str]) -> str:
        opening, shop, figures, closing = block.groups()
        if figures not in FIGURES:
            raise ValueError(
                f"{document}: there are no figures {figures!r}. Known: {', '.join(sorted(FIGURES))}."
            )
        if shop not in connections or (only and figures not in only):
            return block.group()
        return f"{opening}\n{_figures(connections[shop], figures)}\n\n{closing}"

    try:
        return BLOCK.sub(write, text)
    finally:
        for connection in connections.values():
            connection.close()


def _figures(connection: duckdb.DuckDBPyConnection, figures: str) -> str:
    tables, render = FIGURES[figures]
    there = {
        f"{schema}.{name}"
        for schema, name in connection.execute(
            "select table_schema, table_name from information_schema.tables"
        ).fetchall()
    }
    missing = [table for table in tables if table not in there]
    if missing:
        return f"*Not measured: this build has no {', no '.join(missing)}.*"
    try:
        return render(connection)
    except FileNotFoundError as missing_file:
        return f"*Not measured: there is no {Path(missing_file.filename).name}.*"
    except duckdb.BinderException as error:
        raise ValueError(
            f"the figures {figures!r} need columns that this warehouse lacks ({str(error).splitlines()[0]}); "
            "build it again with this version."
        ) from None


# --- cells


def share(value: float | None) -> str:
    """Write a share as a percentage."""
    return NOTHING if value is None else f"{100 * value:.1f} %"


def interval(value: float | None, low: float | None, high: float | None, digits: int = 3) -> str:
    """Write a figure with its interval, as far as there is one."""
    if value is None or low is None or high is None:
        return number(value, digits)
    return f"{number(value, digits)} ({number(low, digits)} to {number(high, digits)})"


# --- figures


def _shop_figures(connection: duckdb.DuckDBPyConnection) -> str:
    rows = connection.execute(
        """select cast(min(first_event_at) as date), cast(max(last_event_at) as date),
            count(*), sum(n_events),
            avg(cast(n_orders > 0 as integer)), avg(cast(n_orders > 1 as integer))
        from core.user_feature_values"""
    ).fetchall()
    first, last, users, events, buyers, repeaters = rows[0]
    head = ["first day", "last day", "customers", "events", "with an order", "with two or more"]
    return table(head, [(first, last, users, int(events), share(buyers), share(repeaters))])


def _status_figures(connection: duckdb.DuckDBPyConnection) -> str:
    rows = connection.execute(
        """select status, count(*), count(*) / sum(count(*)) over (), avg(confidence)
        from marts.user_segments group by status order by count(*) desc, status"""
    ).fetchall()
    return table(
        ["status", "customers", "share", "mean confidence"],
        [(s, n, share(part), c) for s, n, part, c in rows],
    )


def _model_figures(connection: duckdb.DuckDBPyConnection) -> str:
    columns = {name for (name, *_) in connection.execute("describe core.segment_models").fetchall()}
    wanted = {
        "model_version": "version",
        "model_status": "standing",
        "status": "what refits say",
        "reason": "why",
        "sentence": "in a sentence",
        "decision": "decision",
        "decision_reason": "why that decision",
        "is_champion": "scores",
        "n_segments": "personas",
        "n_users": "users in the fit",
        "n_features": "features kept",
        "n_components": "dimensions of the embedding",
        "explained_variance": "share of variance they keep",
        "min_share": "share of the smallest persona",
        "n_mismatches": "labels of SQL weights that differ from scikit-learn's",
    }
    found = [name for name in wanted if name in columns]
    row = connection.execute(f"select {', '.join(found)} from core.segment_models {OF_MODEL}").fetchall()
    return table(["", ""], [(wanted[name], value) for name, value in zip(found, row[0], strict=True)])


def _tier_figures(connection: duckdb.DuckDBPyConnection) -> str:
    rows = connection.execute(
        """select value_tier, count(*), count(*) / sum(count(*)) over (), avg(expected_orders_30d),
            sum(expected_revenue_90d) / sum(sum(expected_revenue_90d)) over ()
        from core.customer_values where value_tier is not null group by value_tier order by value_tier"""
    ).fetchall()
    head = ["value tier", "customers", "share", "orders expected in 30 days, each"]
    return table(
        [*head, "share of the revenue expected in 90 days"],
        [(tier, n, share(part), number(orders, 3), share(money)) for tier, n, part, orders, money in rows],
    )


def _value_figures(connection: duckdb.DuckDBPyConnection) -> str:
    rows = connection.execute(
        """select origin_date, measure, decile, n_users, expected, actual, ci_lo, ci_hi
        from monitor.value_calibration
        where fit_number = (select max(fit_number) from monitor.value_calibration) and reason is null
        order by origin_date, measure, decile"""
    ).fetchall()
    return table(
        ["origin", "measure", "decile", "customers", "expected", "came (95 % interval)"],
        [
            (day, measure, decile or NOTHING, n, number(expected, 3), interval(actual, lo, hi))
            for day, measure, decile, n, expected, actual, lo, hi in rows
        ],
    )


def _choice_figures(connection: duckdb.DuckDBPyConnection) -> str:
    rows = connection.execute(
        f"""select metric, n_segments, value, threshold, verdict from monitor.segment_diagnostics
        {OF_MODEL} order by metric, n_segments"""
    ).fetchall()
    ks = sorted({k for _, k, *_ in rows})
    values = {(metric, k): (value, verdict) for metric, k, value, _, verdict in rows}
    bars = {metric: bar for metric, _, _, bar, _ in rows if bar is not None}
    lines = []
    for metric in sorted({metric for metric, *_ in rows}, key=lambda metric: (metric not in bars, metric)):
        cells = []
        for k in ks:
            value, verdict = values.get((metric, k), (None, ""))
            cells.append(NOTHING if value is None else number(value) + (" ✗" if verdict == "missed" else ""))
        lines.append((metric, number(bars[metric], 2) if metric in bars else "reported", *cells))
    return table(["metric", "bar", *(f"k = {k}" for k in ks)], lines)


def _feature_figures(connection: duckdb.DuckDBPyConnection) -> str:
    rows = connection.execute(
        f"""select catalog.block, features.feature, features.reliability,
            concat_ws(': ', features.status, features.note)
        from monitor.segment_features as features
        inner join core.feature_catalog as catalog on features.feature = catalog.feature
        {OF_MODEL} order by features.feature_position"""
    ).fetchall()
    return table(["block", "feature", "reliability", "in the fit"], rows)


def _gate_figures(connection: duckdb.DuckDBPyConnection) -> str:
    rows = connection.execute(
        f"""select criterion, nullif(compared_with, ''), bar, value, ci_lo, verdict
        from monitor.segment_gates {OF_MODEL} order by criterion_position"""
    ).fetchall()
    return table(
        ["criterion", "against", "bar", "measured", "lower end of the 95 % interval", "verdict"], rows
    )


def _evaluation_figures(connection: duckdb.DuckDBPyConnection) -> str:
    rows = connection.execute(
        f"""select metric, model, nullif(compared_with, ''), value, ci_lo, ci_hi, n_users
        from monitor.segment_evaluations
        {OF_MODEL} and fold = 0 and origin like 'all%' and not metric like 'r2_%'
        order by metric, compared_with, model"""
    ).fetchall()
    return table(
        ["metric", "model", "minus", "figure (95 % interval)", "users"],
        [
            (metric, model, other, interval(value, lo, hi), n)
            for metric, model, other, value, lo, hi, n in rows
        ],
    )


def _threshold_figures(connection: duckdb.DuckDBPyConnection) -> str:
    rows = connection.execute(
        f"""select n_events, n_users, kappa, kappa_low, kappa_high, kappa_later, ari, min_recall,
            kappa_bar, user_coverage, revenue_coverage,
            verdict || case when is_chosen then ', chosen' else '' end
        from monitor.event_threshold {OF_MODEL} order by n_events"""
    ).fetchall()
    head = ["events", "users studied", "κ (95 % interval)", "κ, disjoint", "ARI", "lowest recall"]
    head += ["bar", "users with so many", "their revenue", "verdict"]
    return table(
        head,
        [
            (
                n,
                users,
                interval(kappa, lo, hi),
                later,
                ari,
                recall,
                bar,
                share(cover),
                share(revenue),
                verdict,
            )
            for n, users, kappa, lo, hi, later, ari, recall, bar, cover, revenue, verdict in rows
        ],
    )


def _calibration_figures(connection: duckdb.DuckDBPyConnection) -> str:
    rows = connection.execute(
        f"""select decile, n_users, mean_confidence, kept_share from monitor.confidence_calibration
        {OF_MODEL} order by decile"""
    ).fetchall()
    return table(["decile of confidence", "users", "promised", "kept the persona"], rows)


def _early_figures(connection: duckdb.DuckDBPyConnection) -> str:
    rows = connection.execute(
        f"""select classifier, n_events, kappa, kappa_low, kappa_high, n_users from monitor.early_classifiers
        {OF_MODEL} order by n_events, kappa desc, classifier"""
    ).fetchall()
    return table(
        ["classifier", "events", "κ (95 % interval)", "users"],
        [(method, n, interval(kappa, lo, hi), users) for method, n, kappa, lo, hi, users in rows],
    )


def _persona_figures(connection: duckdb.DuckDBPyConnection) -> str:
    rows = connection.execute(
        """select segment_id, segment_name, segment_name_fr, n_users, user_share, revenue_share, buyer_share,
            revenue_lift, revenue_lift_low, revenue_lift_high
        from marts.segment_summary order by segment_id"""
    ).fetchall()
    head = ["id", "persona", "in French", "customers", "share", "of revenue", "buyers"]
    return table(
        [*head, "revenue per customer ÷ the rest's"],
        [
            (i, name, french, n, share(part), share(money), share(buyers), interval(lift, low, high, 2))
            for i, name, french, n, part, money, buyers, lift, low, high in rows
        ],
    )


def _apart_figures(connection: duckdb.DuckDBPyConnection) -> str:
    rows = connection.execute(
        """select segment_name, label, segment_value, population_value, unit, robust_z,
            lift, lift_low, lift_high
        from marts.segment_profiles
        qualify row_number() over (partition by segment_id order by abs(robust_z) desc, feature_position) <= 3
        order by segment_id, abs(robust_z) desc, feature_position"""
    ).fetchall()
    return table(
        ["persona", "what stands out", "median", "everybody's", "unit", "robust z", "lift (95 % interval)"],
        [
            (
                name,
                label,
                *(_in_unit(value, unit) for value in (mine, all_)),
                unit,
                z,
                interval(lift, lo, hi, 2),
            )
            for name, label, mine, all_, unit, z, lift, lo, hi in rows
        ],
    )


def _in_unit(value: float, unit: str) -> str:
    return share(value) if unit == "share" else number(value, 2)


def _rule_figures(connection: duckdb.DuckDBPyConnection) -> str:
    rows = connection.execute(
        """select segment_name, rules, rules_precision, rules_recall
        from marts.segment_summary order by segment_id"""
    ).fetchall()
    accuracy = connection.execute(
        "select max(tree_accuracy), max(n_judged) from core.segment_rules"
    ).fetchall()[0]
    told = table(
        ["persona", "rules", "precision", "recall"],
        [(name, rules, share(right), share(found)) for name, rules, right, found in rows],
    )
    if accuracy[0] is None:
        return told
    return f"{told}\n\nTree and model agree on {share(accuracy[0])} of {accuracy[1]:,} held-out customers."


def _network_figures(connection: duckdb.DuckDBPyConnection) -> str:
    """Read what ``clientele evaluate --layers …`` wrote beside the warehouse."""
    files = connection.execute("select path from duckdb_databases() where not internal").fetchall()
    path = Path(files[0][0]).parent / "evaluation" / "challengers.csv"
    with path.open(newline="") as lines:
        rows = list(csv.DictReader(lines))

    def figure(row: dict[str, str], name: str) -> float | None:
        return float(row[name]) if row[name] else None

    head = ["model", "customers", "personas", "refits", "prediction strength", "half-sample ARI", "month ago"]
    head += ["AUC over the base", "habit R² over the base", "lower end"]
    return table(
        [*head, "habit R² over the linear model's (95 %)", "gate"],
        [
            (
                row["model"],
                int(row["n_users"]),
                int(row["n_personas"]),
                row["standing"],
                *(figure(row, name) for name in ("prediction_strength", "half_sample_ari", "month_ago_ari")),
                figure(row, "auc_gain"),
                figure(row, "habit_r2_gain"),
                figure(row, "habit_r2_gain_low"),
                interval(
                    figure(row, "habit_r2_over_linear"),
                    figure(row, "habit_r2_over_linear_low"),
                    figure(row, "habit_r2_over_linear_high"),
                ),
                row["outcome"],
            )
            for row in rows
        ],
    )


FIGURES: dict[str, tuple[tuple[str, ...], Callable[[duckdb.DuckDBPyConnection], str]]] = {
    "shop": (("core.user_feature_values",), _shop_figures),
    "statuses": (("marts.user_segments",), _status_figures),
    "model": (("core.segment_models",), _model_figures),
    "tiers": (("core.customer_values",), _tier_figures),
    "value": (("monitor.value_calibration",), _value_figures),
    "choice": (("monitor.segment_diagnostics",), _choice_figures),
    "networks": ((), _network_figures),
    "features": (("monitor.segment_features", "core.feature_catalog"), _feature_figures),
    "gate": (("monitor.segment_gates",), _gate_figures),
    "evaluations": (("monitor.segment_evaluations",), _evaluation_figures),
    "threshold": (("monitor.event_threshold",), _threshold_figures),
    "calibration": (("monitor.confidence_calibration",), _calibration_figures),
    "early": (("monitor.early_classifiers",), _early_figures),
    "personas": (("marts.segment_summary",), _persona_figures),
    "apart": (("marts.segment_profiles",), _apart_figures),
    "rules": (("marts.segment_summary", "core.segment_rules"), _rule_figures),
}


if __name__ == "__main__":
    sys.exit(main())
