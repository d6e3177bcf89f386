"""The description of the data in a terminal: what ``clientele describe`` prints."""

from __future__ import annotations

from pathlib import Path

import duckdb

from clientele.report.book import ReportError

__all__ = ["show"]

_TABLES = {
    "Files by month (monitor.data_profile)": """
        select file_name as file, strftime(month_date, '%Y-%m') as "month", n_lines as lines,
            n_duplicates as duplicates, n_quarantined as quarantined, n_days as days, n_view as views,
            n_cart as carts, n_remove_from_cart as removes, n_purchase as purchases,
            round(100.0 * n_without_category_code / n_events, 1) as "% no category",
            round(100.0 * n_without_brand / n_events, 1) as "% no brand"
        from monitor.data_profile order by month_date, file_name
    """,
    "Months (monitor.data_profile_months)": """
        select strftime(month_date, '%Y-%m') as "month", n_days_missing as "days missing",
            n_days_short as "days short", n_new_users as "new customers", n_known_users as "known customers",
            n_sessions as sessions, n_bot_sessions as "bots' sessions", n_products as products,
            n_products_moved as moved, n_category_codes_new as "new categories",
            n_category_codes_vanished as vanished, n_brands_new as "new brands",
            n_brands_vanished as "vanished brands"
        from monitor.data_profile_months order by month_date
    """,
    "Orders, and how much the largest customers have (monitor.data_profile_figures)": """
        select topic, item, item_position as place, n_users as customers, round(figure, 3) as figure
        from monitor.data_profile_figures where topic in ('order_value', 'concentration') order by all
    """,
    "How features go together (monitor.data_profile_correlations)": """
        select feature, other_feature as "other feature", round(correlation, 2) as correlation
        from monitor.data_profile_correlations order by abs(correlation) desc, feature limit 10
    """,
    "Principal components (monitor.data_profile_components)": """
        select component, round(100 * max(explained_share), 1) as "% explained",
            string_agg(feature || ' ' || printf('%+.2f', loading), ', ' order by abs(loading) desc)
                filter (place <= 3) as "made of"
        from (
            select *, row_number() over (partition by component order by abs(loading) desc, feature) as place
            from monitor.data_profile_components
        )
        where component <= 5 group by component order by component
    """,
    "Traps (monitor.data_profile_traps)": """
        select trap, on_date as "on", detail, round(figure, 2) as figure, note_en as known
        from monitor.data_profile_traps order by is_known desc, trap, on_date
    """,
}


def show(home: Path) -> None:
    """Print each table of the description of a built warehouse.

    Parameters
    ----------
    home : Path
        The folder of the databases; nobody may be building there.

    Raises
    ------
    ReportError
        If no build has described its data yet.
    """
    path = home / "warehouse.duckdb"
    if not path.exists():
        raise ReportError(f"{home} holds no warehouse: a build describes the data (dbt build)")
    with duckdb.connect(str(path), read_only=True) as connection:
        for title, query in _TABLES.items():
            try:
                found = connection.sql(query)
                print(title)
                found.show(max_width=220, max_rows=200)
            except duckdb.CatalogException:
                raise ReportError(
                    f"{home} has no description of its data: an earlier version has built it. "
                    "Build once (dbt build)"
                ) from None
