{#- A table in one statement: `create or replace`, in the transaction of its hooks. dbt-duckdb's own way makes a second table,
    looks for indexes, renames twice, and drops the first one after the commit, as engines need that cannot replace a table
    within a transaction: six statements more for each of 200 tables, which on a small shop take longer than the tables. Whoever
    reads meanwhile reads the table of before, and a run that breaks off leaves it (docs/decisions/0134-tables-are-replaced.md).
    A Python model writes on a connection of its own, so its table is made beside the other one and takes its name. So is one that
    is made in slices, because memory would not hold what all its customers need at once. -#}

{% materialization table, adapter='duckdb', supported_languages=['sql', 'python'] %}
    {%- set is_sql = model['language'] == 'sql' -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set existing_relation = load_cached_relation(this) -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- set n_slices = clientele._n_slices(config.get('meta', {}).get('slices_of')) if is_sql else 1 -%}
    {%- if is_sql and n_slices == 1 -%}
        {%- if existing_relation is not none and not existing_relation.is_table -%}{%- do adapter.drop_relation(existing_relation) -%}{%- endif -%}
        {%- do clientele._create_or_replace_table(target_relation, compiled_code) -%}
    {%- else -%}
        {%- set beside_relation = make_intermediate_relation(target_relation) -%}
        {%- do drop_relation_if_exists(load_cached_relation(beside_relation)) -%}
        {%- if is_sql -%}
            {%- do clientele._create_in_slices(beside_relation, compiled_code, n_slices) -%}
        {%- else -%}
            {%- call statement('main', language='python') -%}{{ create_table_as(false, beside_relation, compiled_code, 'python') }}{%- endcall -%}
        {%- endif -%}
        {%- do drop_relation_if_exists(existing_relation) -%}
        {%- do adapter.rename_relation(beside_relation, target_relation) -%}
    {%- endif -%}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do apply_grants(target_relation, config.get('grants'), should_revoke=false) -%}
    {%- do persist_docs(target_relation, model) -%}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


{% macro _create_or_replace_table(relation, compiled_code) %}
    {#- With a contract the columns are those of the yml, in its order. They are looked at afterwards, in the table: to ask the
        query itself first, as dbt does, is to plan it twice. A query that gives other columns is refused, and the table of before
        stays; one that gives them in another order is written once more. -#}
    {%- call statement('main') -%} create or replace table {{ relation }} as ({{ compiled_code }}) {%- endcall -%}
    {%- if config.get('contract').enforced -%}
        {%- set written = 'select * from ' ~ relation -%}
        {%- do get_assert_columns_equivalent(written) -%}
        {%- if get_column_schema_from_query(written) | map(attribute='name') | list != model.columns.values() | map(attribute='name') | list -%}
            {%- do run_query('create or replace table ' ~ relation ~ ' as (' ~ get_select_subquery(written) ~ ')') -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}


{% macro _n_slices(parent) %}
    {#- A power of two, so that no slice has more rows of the parent than the var slice_rows. -#}
    {%- if not parent or not execute -%}{{ return(1) }}{%- endif -%}
    {%- set share = 'count(*) / ' ~ clientele.setting('slice_rows') ~ '.0' -%}
    {{ return(run_query('select cast(power(2, ceil(log2(greatest(' ~ share ~ ', 1)))) as integer) from ' ~ ref(parent)).columns[0].values()[0]) }}
{% endmacro %}


{% macro _create_in_slices(relation, compiled_code, n_slices) %}
    {#- Each slice is a transaction of its own, into a table that nobody reads yet. -#}
    {%- for slice in range(n_slices) -%}
        {%- set of_slice = compiled_code | replace('/* slices */ 0', n_slices - 1) | replace('/* slice */ 0', slice) -%}
        {%- if loop.first -%}
            {%- do clientele._create_or_replace_table(relation, of_slice) -%}
            {%- do adapter.commit() -%}
        {%- else -%}
            {%- do run_query('insert into ' ~ relation ~ ' by name ' ~ of_slice) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- call statement('taking_its_place') -%} select 1 {%- endcall -%}
{% endmacro %}
