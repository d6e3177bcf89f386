{#- A token that the vault and the warehouse share, another one at the start and the end of each run and at each request:
    halves of two moments are told apart by it (src/clientele/runtime/generations.py, which compares them before the first
    change). The vault is told of the next token first, so a kill between the databases leaves two that belong together. -#}

{% macro duckdb__next_generation() %}
    {%- set vault = clientele.register('generation') -%}
    {%- set warehouse = clientele.built('monitor', 'generation') -%}
    {%- do adapter.create_schema(vault.without_identifier()) -%}
    {%- do adapter.create_schema(warehouse.without_identifier()) -%}
    {%- do clientele.create_if_missing(vault, {'generation': 'bigint', 'token': 'varchar(64)', 'next_token': 'varchar(64)'}) -%}
    {%- do clientele.create_if_missing(warehouse, {'generation': 'bigint', 'token': 'varchar(64)', 'built_by': 'varchar(32)'}) -%}
    {%- set last = run_query('select max(generation), max(token) from ' ~ vault).rows[0] -%}
    {%- set generation = (last[0] or 0) | int + 1 -%}
    {%- set token = run_query("select cast(uuid() as varchar)").columns[0].values()[0] -%}
    {%- if last[0] is none -%}
        {%- do run_query('insert into ' ~ vault ~ ' values (0, null, null)') -%}
    {%- endif -%}
    {%- do run_query('update ' ~ vault ~ " set next_token = '" ~ token ~ "'") -%}
    {#- one statement, so that a kill leaves the row of before or this one -#}
    {%- do run_query(
        'begin; delete from ' ~ warehouse ~ '; insert into ' ~ warehouse ~ ' values (' ~ generation ~ ", '" ~ token
        ~ "', clientele_version()); commit"
    ) -%}
    {%- do run_query(
        'update ' ~ vault ~ ' set generation = ' ~ generation ~ ", token = '" ~ token ~ "', next_token = null"
    ) -%}
{% endmacro %}
