"""Lists of products in a whole build: full, of one's own, and blind to the future."""

from __future__ import annotations

PAPERS = False


def test_nobody_is_without_a_list(built_shop):
    counts = built_shop.rows(
        "select n_rows, count(*) from (select user_key, count(*) as n_rows "
        "from marts.customer_recommendations group by user_key) group by n_rows"
    )
    assert counts == [(6, built_shop.value("select count(*) from core.prediction_features"))]


def test_again_starts_with_what_was_bought_and_new_has_none_of_it(built_shop):
    wrong = built_shop.value(
        "select count(*) from marts.customer_recommendations as lists "
        "inner join core.users using (user_key) "
        "left join (select distinct user_sk, product_id from core.customer_purchases) as own "
        "on own.user_sk = users.user_sk and own.product_id = lists.product_id "
        "where (lists.list_source = 'own_history') != (own.user_sk is not null)"
    )
    assert wrong == 0
    assert built_shop.value(
        "select count(*) from marts.customer_recommendations where list_source = 'own_history'"
    )


def test_popular_products_are_those_of_most_customers_in_thirty_days(built_shop):
    best = built_shop.value(
        "select product_id from core.customer_purchases, core.prediction_request "
        "where local_date > as_of_date - 30 group by product_id "
        "order by count(distinct user_sk) desc, product_id limit 1"
    )
    first = built_shop.value(
        "select product_id from marts.customer_recommendations "
        "where kind = 'new' and list_rank = 1 group by product_id order by count(*) desc limit 1"
    )
    counts = dict(
        built_shop.rows(
            "select product_id, count(distinct user_sk) from core.customer_purchases, "
            "core.prediction_request where local_date > as_of_date - 30 group by product_id"
        )
    )
    # more than one may have been bought by as many
    assert counts[first] == counts[best]


def test_hits_are_counted_at_each_origin(built_shop):
    rows = built_shop.rows(
        "select origin_date, kind, list_source, n_users, hit_rate from monitor.recommendation_hits"
    )
    assert {(kind, source) for _, kind, source, _, _ in rows} == {
        ("again", "own_history"),
        ("again", "published"),
        ("again", "popular"),
        ("new", "popular"),
        ("new", "neighbours"),
    }
    assert len({day for day, *_ in rows}) == 3 and all(0 <= rate <= 1 for *_, rate in rows)


def test_lists_made_in_slices_are_those_made_at_once(built_shop, tmp_path):
    house = built_shop.copy(tmp_path / "house")
    table = "select * from marts.customer_recommendations order by all"
    at_once = house.rows(table)
    rows = house.value("select count(*) from core.product_visits")
    said = []
    ran = house.run(
        *("--select", "customer_recommendations"),
        command=("run",),
        variables={"slice_rows": rows // 5},
        watch=lambda event: said.append(event.info.msg),
    )
    assert ran.succeeded, ran.said[-2000:]
    assert house.rows(table) == at_once
    added = [line for line in said if "insert into" in line and "__dbt_tmp" in line and " by name " in line]
    assert len(added) == 7, "of eight slices one makes the table"
    left = "select count(*) from information_schema.tables where table_name like 'customer_recommendations_%'"
    assert house.value(left) == 0
