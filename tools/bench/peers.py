"""The same fifteen features of every customer, from the same files, by several tools.

What counts: `n_events`, `first_event_at`, `last_event_at`, `n_active_days`, `n_products`, `n_views`,
`n_carts`, `n_purchases`, `revenue`, `weekend_share`, `evening_share`, `n_sessions`, `mean_session_seconds`,
`n_orders` (sessions with a purchase) and `n_top_category` (events in the category with most of them).
Each function returns a table of its tool with these columns and ``user_id``, in any order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tools.bench.reading import connection, typed

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa
    from pyspark.sql import Column

FEATURES = (
    "n_events",
    "first_event_at",
    "last_event_at",
    "n_active_days",
    "n_products",
    "n_views",
    "n_carts",
    "n_purchases",
    "revenue",
    "weekend_share",
    "evening_share",
    "n_sessions",
    "mean_session_seconds",
    "n_orders",
    "n_top_category",
)


def by_lean_query(*files: str) -> pa.Table:
    """Return the features by DuckDB, written for speed.

    The files are read once, seven columns of them, into a table of narrow numbers: a common table expression
    in its place costs more. A session is 64 bits of its hash; the first day of all is a Thursday. Ids of
    users and products have to fit into 32 bits and prices to be below ten million, as those of the public
    files do: others end it with an error. What is to be counted once is made distinct first:
    ``count(distinct)`` would do so per customer.
    """
    opened = connection()
    opened.execute("set preserve_insertion_order = false")
    opened.execute(
        f"""
        create temp table lines as
        select
            user_id,
            hash(user_session) as session_hash,
            cast(epoch_us(event_time) // 1000000 as uinteger) as at_second,
            cast(
                case event_type when 'view' then 1 when 'cart' then 2 when 'purchase' then 3 else 0 end
                as utinyint
            ) as kind,
            product_id,
            category_id,
            price
        from {typed(files, user_id="UINTEGER", product_id="UINTEGER", price="DECIMAL(9, 2)")}
        """
    )
    return opened.sql(
        """
        with per_user as (
            select
                user_id,
                count(*) as n_events,
                make_timestamp(min(at_second)::bigint * 1000000) as first_event_at,
                make_timestamp(max(at_second)::bigint * 1000000) as last_event_at,
                count(*) filter (kind = 1) as n_views,
                count(*) filter (kind = 2) as n_carts,
                count(*) filter (kind = 3) as n_purchases,
                coalesce(sum(price) filter (kind = 3), 0) as revenue,
                count(*) filter ((at_second // 86400 + 3) % 7 >= 5) / count(*) as weekend_share,
                count(*) filter (at_second % 86400 // 3600 between 18 and 22) / count(*) as evening_share
            from lines
            group by user_id
        ),
        per_user_days as (
            select user_id, count(*) as n_active_days
            from (select distinct user_id, at_second // 86400 as day from lines)
            group by user_id
        ),
        per_user_products as (
            select user_id, count(*) as n_products
            from (select distinct user_id, product_id from lines)
            group by user_id
        ),
        per_user_categories as (
            select user_id, max(n_events) as n_top_category
            from (select user_id, category_id, count(*) as n_events from lines group by user_id, category_id)
            group by user_id
        ),
        per_user_sessions as (
            select
                user_id,
                count(*) as n_sessions,
                avg(last_second - first_second) as mean_session_seconds,
                count(*) filter (is_order) as n_orders
            from (
                select
                    user_id, session_hash, min(at_second) as first_second, max(at_second) as last_second,
                    bool_or(kind = 3) as is_order
                from lines
                group by user_id, session_hash
            )
            group by user_id
        )
        select *
        from per_user
        inner join per_user_days using (user_id)
        inner join per_user_products using (user_id)
        inner join per_user_categories using (user_id)
        inner join per_user_sessions using (user_id)
        """
    ).to_arrow_table()


def by_duckdb(*files: str) -> pa.Table:
    """Return the features by one plain query over the files, written as one thinks of it."""
    return (
        connection()
        .sql(
            f"""
        with events as (select * from {typed(files)}),
        sessions as (
            select
                user_id, user_session, count(*) as n_events,
                epoch(max(event_time)) - epoch(min(event_time)) as seconds,
                count(*) filter (event_type = 'purchase') as n_purchases
            from events group by all
        ),
        per_user as (
            select
                user_id, count(*) as n_events, min(event_time) as first_event_at,
                max(event_time) as last_event_at, count(distinct event_time::date) as n_active_days,
                count(distinct product_id) as n_products,
                count(*) filter (event_type = 'view') as n_views,
                count(*) filter (event_type = 'cart') as n_carts,
                count(*) filter (event_type = 'purchase') as n_purchases,
                coalesce(sum(price) filter (event_type = 'purchase'), 0) as revenue,
                avg((isodow(event_time) >= 6)::int) as weekend_share,
                avg((hour(event_time) between 18 and 22)::int) as evening_share
            from events group by all
        ),
        per_user_sessions as (
            select
                user_id, count(*) as n_sessions, avg(seconds) as mean_session_seconds,
                count(*) filter (n_purchases > 0) as n_orders
            from sessions group by all
        ),
        top_category as (
            select user_id, max(n_events) as n_top_category
            from (select user_id, category_id, count(*) as n_events from events group by all)
            group by all
        )
        select * from per_user join per_user_sessions using (user_id) join top_category using (user_id)
        """
        )
        .to_arrow_table()
    )


def by_pandas(*files: str) -> pd.DataFrame:
    """Return the features as a notebook computes them."""
    import pandas as pd

    events = pd.concat(
        pd.read_csv(name, dtype={"user_id": "int64", "product_id": "int64", "price": "float64"})
        for name in files
    )
    at = pd.to_datetime(events["event_time"].str[:19])
    events["event_at"] = at
    events["day"] = at.dt.normalize()
    events["is_weekend"] = at.dt.day_of_week >= 5
    events["is_evening"] = at.dt.hour.between(18, 22)
    for kind in ("view", "cart", "purchase"):
        events[f"is_{kind}"] = events["event_type"] == kind
    events["revenue"] = events["price"].where(events["is_purchase"], 0)
    users = events.groupby("user_id").agg(
        n_events=("event_at", "size"),
        first_event_at=("event_at", "min"),
        last_event_at=("event_at", "max"),
        n_active_days=("day", "nunique"),
        n_products=("product_id", "nunique"),
        n_views=("is_view", "sum"),
        n_carts=("is_cart", "sum"),
        n_purchases=("is_purchase", "sum"),
        revenue=("revenue", "sum"),
        weekend_share=("is_weekend", "mean"),
        evening_share=("is_evening", "mean"),
    )
    sessions = events.groupby(["user_id", "user_session"], dropna=False).agg(
        started_at=("event_at", "min"), ended_at=("event_at", "max"), n_purchases=("is_purchase", "sum")
    )
    sessions["seconds"] = (sessions["ended_at"] - sessions["started_at"]).dt.total_seconds()
    sessions["is_order"] = sessions["n_purchases"] > 0
    users = users.join(
        sessions.groupby("user_id").agg(
            n_sessions=("seconds", "size"),
            mean_session_seconds=("seconds", "mean"),
            n_orders=("is_order", "sum"),
        )
    )
    categories = events.groupby(["user_id", "category_id"], dropna=False).size()
    users["n_top_category"] = categories.groupby("user_id").max()
    return users.reset_index()


def by_polars(*files: str) -> pl.DataFrame:
    """Return the features by the streaming engine of polars."""
    import polars as pl

    at = pl.col("event_time").str.slice(0, 19).str.to_datetime("%Y-%m-%d %H:%M:%S")
    events = pl.scan_csv(list(files)).with_columns(at.alias("event_at"))
    is_purchase = pl.col("event_type") == "purchase"
    users = events.group_by("user_id").agg(
        n_events=pl.len(),
        first_event_at=pl.col("event_at").min(),
        last_event_at=pl.col("event_at").max(),
        n_active_days=pl.col("event_at").dt.date().n_unique(),
        n_products=pl.col("product_id").n_unique(),
        n_views=(pl.col("event_type") == "view").sum(),
        n_carts=(pl.col("event_type") == "cart").sum(),
        n_purchases=is_purchase.sum(),
        revenue=pl.col("price").filter(is_purchase).sum(),
        weekend_share=(pl.col("event_at").dt.weekday() >= 6).mean(),
        evening_share=pl.col("event_at").dt.hour().is_between(18, 22).mean(),
    )
    sessions = (
        events.group_by("user_id", "user_session")
        .agg(
            seconds=(pl.col("event_at").max() - pl.col("event_at").min()).dt.total_seconds(),
            n_purchases=is_purchase.sum(),
        )
        .group_by("user_id")
        .agg(
            n_sessions=pl.len(),
            mean_session_seconds=pl.col("seconds").mean(),
            n_orders=(pl.col("n_purchases") > 0).sum(),
        )
    )
    categories = (
        events.group_by("user_id", "category_id")
        .agg(n_events=pl.len())
        .group_by("user_id")
        .agg(n_top_category=pl.col("n_events").max())
    )
    joined = users.join(sessions, on="user_id").join(categories, on="user_id")
    return joined.collect(engine="streaming")


def by_spark(*files: str) -> pd.DataFrame:
    """Return the features by PySpark on two threads; `make env` installs neither pyspark nor Java."""
    from pyspark.sql import SparkSession
    from pyspark.sql import functions as f

    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.driver.memory", "8g")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", "16")
        .config("spark.sql.execution.arrow.pyspark.enabled", "true")
        .config("spark.ui.enabled", "false")
        .getOrCreate()
    )
    schema = (
        "event_time string, event_type string, product_id long, category_id long, category_code string, "
        "brand string, price double, user_id long, user_session string"
    )
    read = session.read.csv(list(files), schema=schema, header=True, escape='"')
    at = f.to_timestamp(f.substring("event_time", 1, 19), "yyyy-MM-dd HH:mm:ss")
    events = read.withColumn("event_at", at)
    is_purchase = f.col("event_type") == "purchase"

    def count_if(condition: Column) -> Column:
        return f.sum(condition.cast("long"))

    users = events.groupBy("user_id").agg(
        f.count("*").alias("n_events"),
        f.min("event_at").alias("first_event_at"),
        f.max("event_at").alias("last_event_at"),
        f.countDistinct(f.to_date("event_at")).alias("n_active_days"),
        f.countDistinct("product_id").alias("n_products"),
        count_if(f.col("event_type") == "view").alias("n_views"),
        count_if(f.col("event_type") == "cart").alias("n_carts"),
        count_if(is_purchase).alias("n_purchases"),
        f.sum(f.when(is_purchase, f.col("price")).otherwise(0.0)).alias("revenue"),
        f.avg(f.dayofweek("event_at").isin(1, 7).cast("int")).alias("weekend_share"),
        f.avg(f.hour("event_at").between(18, 22).cast("int")).alias("evening_share"),
    )
    seconds = f.max("event_at").cast("long") - f.min("event_at").cast("long")
    sessions = (
        events.groupBy("user_id", "user_session")
        .agg(seconds.alias("seconds"), f.max(is_purchase).alias("is_order"))
        .groupBy("user_id")
        .agg(
            f.count("*").alias("n_sessions"),
            f.avg("seconds").alias("mean_session_seconds"),
            count_if(f.col("is_order")).alias("n_orders"),
        )
    )
    categories = (
        events.groupBy("user_id", "category_id")
        .agg(f.count("*").alias("n_events_of_category"))
        .groupBy("user_id")
        .agg(f.max("n_events_of_category").alias("n_top_category"))
    )
    return users.join(sessions, "user_id").join(categories, "user_id").toPandas()


TOOLS: dict[str, Callable[..., pa.Table | pl.DataFrame | pd.DataFrame]] = {
    "lean_query": by_lean_query,
    "duckdb": by_duckdb,
    "pandas": by_pandas,
    "polars": by_polars,
    "spark": by_spark,
}
