"""The lint leaves out what macros write, and what is left reads the same tables."""

from __future__ import annotations

import pytest
from lint_sql import in_short


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("paid as (\n  select sum(price) as paid\n  from orders\n)", "paid as (select orders.* from orders)"),
        (
            "a as (select ')' as b from core.c join d on true), -- (\ne as (select 1 as one)",
            "a as (select core.c.* from core.c cross join d),\n\ne as (select 1 as nothing)",
        ),
        (
            'select max(x) from "core"."t" where y in (select y from u)',
            'select "core"."t".* from "core"."t" cross join u',
        ),
        ("a as (select * from b), c.d + 1 as e", None),
        ("sum(case when a > (1) then 1 end)", None),
        ("with a as (select 1 as one) select * from a", None),
        ("", None),
    ],
)
def test_names_of_ctes_and_what_they_read_stay(text, short):
    """What is neither CTEs nor a query is left as it is."""
    assert in_short(text) == (text if short is None else short)
