"""Lists and what a shop says of its products: suppressed and sold-out ones are in none, others have names."""

from __future__ import annotations

from support import WITHOUT_TESTS

PAPERS = False
LISTS = "select user_key, kind, list_rank, product_id, product_name from marts.customer_recommendations"


def test_suppressed_products_are_in_no_list_and_lists_stay_full(built_shop, tmp_path):
    shop = built_shop.copy(tmp_path / "shop")
    before = shop.rows(LISTS)
    assert {name for *_, name in before} == {None}
    best = (
        "select product_id from marts.customer_recommendations where {} group by product_id "
        "order by count(*) desc, product_id limit 3"
    )
    popular, own = (
        [product for (product,) in shop.rows(best.format(condition))]
        for condition in ("list_source != 'own_history'", "list_source = 'own_history'")
    )
    suppressed = [*popular[:2], own[0]]
    with shop.connection(read_only=False) as connection:
        for product in suppressed:
            connection.execute("insert into core.suppressed_products values (?, 'recalled')", [product])
        connection.execute(
            "insert into core.catalogue (product_id, product_name) values (?, 'Kettle')", [popular[2]]
        )
    shop.build("--select", "customer_recommendations", *WITHOUT_TESTS)
    after = shop.rows(LISTS)
    assert {row[:3] for row in after} == {row[:3] for row in before}, "lists are as full as before"
    assert not {row[3] for row in after} & {*suppressed}
    assert {row[3] for row in before} >= {*suppressed}
    assert {row[4] for row in after if row[3] == popular[2]} == {"Kettle"}


def test_what_is_sold_out_by_the_newest_count_is_in_no_list(built_shop, tmp_path):
    """A count of a day that is not there yet says nothing, and one of before is overtaken by a newer one."""
    shop = built_shop.copy(tmp_path / "shop")
    before = shop.rows(LISTS)
    popular = [
        product
        for (product,) in shop.rows(
            "select product_id from marts.customer_recommendations group by product_id "
            "order by count(*) desc, product_id limit 4"
        )
    ]
    gone, back, later, never_counted = popular
    as_of = shop.value("select max(as_of_date) from marts.customer_recommendations")
    counts = [(gone, -9, 40), (gone, -1, 0), (back, -9, 0), (back, 0, 3), (later, -2, 5), (later, 1, 0)]
    with shop.connection(read_only=False) as connection:
        for product, days, units in counts:
            connection.execute(
                "insert into core.stock values (?, ?::date + ?::integer, ?)", [product, as_of, days, units]
            )
    shop.build("--select", "customer_recommendations", *WITHOUT_TESTS)
    after = shop.rows(LISTS)
    assert {row[:3] for row in after} == {row[:3] for row in before}, "lists are as full as before"
    listed = {row[3] for row in after}
    assert gone not in listed and {back, later, never_counted} <= listed
    assert shop.run("--select", "suppressed_products_are_not_recommended", command=("test",)).succeeded
