"""Lists and what a shop says of its products: suppressed ones are in none, others have their names."""

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
