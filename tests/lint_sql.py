"""sqlfluff over the project, rendered small: `make lint-sql`.

A model that asks macros for a score of 36 features and 10 personas renders to 140 kB out of 5, and
sqlfluff's time is all in such text, about which it says nothing: what a macro wrote is a templated area,
which every rule leaves alone. So the project is linted with a few features, of which each loop still has
a first, a middle and a last one, with the fewest personas, and with the features' own arithmetic left
out. What is written in the files is rendered as ever.
"""

from __future__ import annotations

import sys
from functools import cached_property
from typing import TYPE_CHECKING

import sqlfluff_templater_dbt
from sqlfluff.cli.commands import cli
from sqlfluff_templater_dbt.templater import DbtTemplater

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

N_FEATURES = 3
VARS = {"max_segments": 2}

# The same CTE from the same arguments, all of them used: a CTE that only the macro reads is no unused one.
SHORT_FORMS = {
    "user_feature_ctes": """
{% macro user_feature_ctes(windows, sessions, events) %}
user_features_as_of as (
    select {{ windows }}.*
    from {{ windows }}
    inner join {{ sessions }} on {{ windows }}.user_sk = {{ sessions }}.user_sk
    inner join {{ events }} on {{ windows }}.user_sk = {{ events }}.user_sk
)
{% endmacro %}
""",
    # seven heads of two dozen features and four pieces are more nodes than sqlfluff reads
    "prediction_features": """
{% macro prediction_features() %}
    {{ return(['recency_ln', 'orders_ln', 'events_30d_ln']) }}
{% endmacro %}
""",
    "rebuy_features": """
{% macro rebuy_features() %}
    {{ return(['item_days_ln', 'item_again_logit']) }}
{% endmacro %}
""",
    "session_features": """
{% macro session_features() %}
    {{ return(['prefix_events_ln', 'in_cart']) }}
{% endmacro %}
""",
    # three searches for persons in each free text of seven side inputs
    "without_person": """
{% macro without_person(text) -%}
    {{ text }}
{%- endmacro %}
""",
    # a level of brackets for each count that judges a cell
    "_judged_cells": """
{% macro _judged_cells(cells, bases, keys, within) %}
    (select * from {{ cells }})
{% endmacro %}
""",
    # forty brackets in one another are deeper than sqlfluff goes
    "hypergeometric": """
{% macro hypergeometric(a, b, c, z, n_terms=40, first=0) -%}
    ({{ a }} + {{ b }} + {{ c }} + {{ z }})
{%- endmacro %}
""",
}


def shorten(manifest: Manifest) -> Manifest:
    """Return the manifest with few features and with short forms of what renders long."""
    columns = manifest.nodes["model.clientele.user_features"].columns
    features = [name for name, column in columns.items() if "feature_block" in column.config.meta]
    assert len(features) > N_FEATURES, "user_features has no features to leave out: where are they now?"
    for name in features[N_FEATURES:]:
        del columns[name]
    for name, short_form in SHORT_FORMS.items():
        macro = manifest.macros[f"macro.clientele.{name}"]
        signature = macro.macro_sql.strip().splitlines()[0]
        assert signature in short_form, f"{name} is called otherwise now: {signature}"
        macro.macro_sql = short_form
    manifest.build_flat_graph()  # what `graph` is in Jinja
    return manifest


class ShortTemplater(DbtTemplater):
    """The dbt templater over the shortened project."""

    @cached_property
    def dbt_manifest(self) -> Manifest:
        """Return dbt's manifest, shortened."""
        return shorten(super().dbt_manifest)

    def _get_cli_vars(self) -> dict:
        return super()._get_cli_vars() | VARS


if __name__ == "__main__":
    sqlfluff_templater_dbt.DbtTemplater = ShortTemplater  # what the plugin hands to sqlfluff as `dbt`
    sys.exit(cli())
