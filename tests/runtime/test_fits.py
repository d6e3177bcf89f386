"""`clientele fit`: a build of SQL alone scores with the rows that the command has written."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from support import WITHOUT_TESTS, House, assert_same, little_shop

from clientele.cli import main
from clientele.runtime import fits, warehouses

SQL_ALONE = ("--exclude-resource-type", "test", "unit_test", "--exclude", "path:python_models")


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> House:
    """A shop whose builds have been SQL alone, with a fit between two of them."""
    house = House(
        tmp_path_factory.mktemp("fits"),
        variables={"reference_days": 10, "fit_min_events": 5, "min_events": 5},
    )
    house.deliver("all.csv", little_shop(seed=5, n_users=400))
    house.build(*SQL_ALONE)
    assert house.value("select count(*) from core.segment_models") == 0
    assert house.value("select count(*) from marts.user_segments where status = 'no_model'") > 0
    with house.surroundings():
        told = CliRunner().invoke(main, ["fit", "--home", str(house.home)])
    assert told.exit_code == 0, told.output
    assert "persona_fit_fields: " in told.output and "value_fit_fields: " in told.output
    house.build(*SQL_ALONE)
    return house


def test_sql_alone_scores_with_the_rows_of_the_command(shop):
    assert shop.value("select count(*) from core.segment_models where is_champion") == 1
    assert shop.value("select count(*) from marts.user_segments where segment_id is not null") > 100
    assert shop.value("select count(*) from core.customer_values where value_tier is not null") > 100


def test_a_build_with_python_models_fits_nothing_more_and_publishes_the_same(shop):
    before, fields = shop.contents("marts"), shop.rows("select * from core.persona_fit_fields order by all")
    shop.build(*WITHOUT_TESTS)
    assert shop.rows("select * from core.persona_fit_fields order by all") == fields
    assert_same(shop.contents("marts"), before)


def test_nothing_due_is_said(shop):
    with shop.surroundings():
        told = CliRunner().invoke(main, ["fit", "--home", str(shop.home)])
    assert told.exit_code == 0 and "No fit is due" in told.output


@pytest.mark.parametrize(
    ("manifest", "message"),
    [(None, "manifest.json is not there"), ({"nodes": {}}, "has no model that fits anything")],
)
def test_what_is_missing_is_said(tmp_path, manifest, message):
    if manifest is not None:
        (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(fits.FitError, match=message):
        fits.fit(fits.manifest_of(tmp_path), None, tmp_path)


def test_a_home_without_a_warehouse_is_said(tmp_path):
    with pytest.raises(warehouses.WarehouseError, match="Build once"), fits.opened(tmp_path):
        pass
