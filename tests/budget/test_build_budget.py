"""A plan of cells of which nothing can be told is published, and a plan that contradicts itself is not."""

from __future__ import annotations

import pytest
from support import WITHOUT_TESTS, WITHOUT_UNIT_TESTS, House, little_shop

PAPERS = False
DECLARED = "segment,channel,week,spend,outcome\nall,search,2019-09-30,100,350.5\nnew,mail,2019-10-07,80,120\n"
KNOWN = {
    "basis": "'scenario'", "response": 3,
    "response_lo": 2, "response_hi": 4, "marginal_lo": 2, "marginal_hi": 4,
}  # fmt: skip
TESTED = ("--select", "valid_budget_plan")


@pytest.fixture(scope="module")
def shop(new_house) -> House:
    house = new_house()
    house.deliver("a.csv", little_shop())
    declared = house.folder / "channel_spend.csv"
    declared.write_text(DECLARED)
    house.build("--select", "+budget_plan", *WITHOUT_TESTS, CLIENTELE_SIDE_CHANNEL_SPEND=str(declared))
    return house


def failed(house: House) -> bool:
    return not house.run(*TESTED, *WITHOUT_UNIT_TESTS, command=("test",)).succeeded


def update(house: House, values: dict[str, object]) -> None:
    with house.connection(read_only=False) as connection:
        pairs = ", ".join(f"{name} = {value}" for name, value in values.items())
        connection.execute(f"update marts.budget_plan set {pairs}")


def test_where_nothing_can_be_told_intervals_are_empty(shop):
    figures = "response, response_lo, response_hi, marginal_return, marginal_lo, marginal_hi"
    found = shop.rows(f"select distinct basis, {figures} from marts.budget_plan")
    assert found == [("refused", *[None] * 6)]
    assert not failed(shop)


@pytest.mark.parametrize(
    "wrong",
    [
        {"response_hi": 1},
        {"marginal_hi": 1},
        {"response_lo": "null", "response_hi": "null"},
        {"marginal_lo": "null"},
        {"basis": "'refused'", "response": "null", "marginal_lo": "null", "marginal_hi": "null"},
        {"basis": "'refused'", "response": "null", "response_lo": "null", "response_hi": "null"},
    ],
)
def test_an_interval_that_cannot_be_is_found(shop, wrong):
    """Upside down, empty though there is a curve, or there though there is none."""
    update(shop, KNOWN)
    assert not failed(shop)
    update(shop, KNOWN | wrong)
    assert failed(shop)
