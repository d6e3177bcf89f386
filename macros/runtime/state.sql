{#- What earlier runs left. Loads are numbered in the ledger (vault.event_files). Each table that keeps its rows from
    run to run writes, in the transaction that changes it, which load it has taken in (core.load_marks). A killed build
    therefore leaves nothing to repair: every table goes on from its own mark. -#}

{% macro create_load_marks() %}
    {%- if execute and flags.WHICH in ['build', 'run', 'retry'] -%}
        {%- do adapter.create_schema(clientele.load_marks().without_identifier()) -%}
        {%- do clientele.create_if_missing(clientele.load_marks(), {
            'model_name': 'varchar(128)', 'load_id': 'bigint', 'built_with': 'varchar(32)', 'settings': 'varchar(4096)'
        }) -%}
    {%- endif -%}
{% endmacro %}


{% macro is_there(relation) %}
    {#- Whether the database has this table. Asked of the database: dbt's cache does not know what a hook has made, and
        adapter.get_relation would leave a transaction open, in which what an operation does after it would be rolled back. -#}
    {{ return(
        run_query(
            "select count(*) from information_schema.tables where table_schema = '" ~ relation.schema ~ "' and table_name = '"
            ~ relation.identifier ~ "'"
        ).columns[0].values()[0] > 0
    ) }}
{% endmacro %}


{% macro create_if_missing(relation, columns) %}
    {#- A table that outlives every build. `columns`: {name: type}; those that an earlier version did not have are added. -#}
    {%- set definitions = [] -%}
    {%- for name, type in columns.items() -%}{%- do definitions.append(name ~ ' ' ~ type) -%}{%- endfor -%}
    {%- do run_query('create table if not exists ' ~ relation ~ ' (' ~ definitions | join(', ') ~ ')') -%}
    {%- set known = clientele.column_names(relation) -%}
    {%- for name, type in columns.items() if name not in known -%}
        {%- do run_query('alter table ' ~ relation ~ ' add column ' ~ name ~ ' ' ~ type) -%}
    {%- endfor -%}
{% endmacro %}


{% macro drop_left_over_tables() %}
    {#- on-run-end: the adapter for DuckDB leaves behind what an incremental Python model has returned. -#}
    {%- if execute and flags.WHICH in ['build', 'run', 'retry'] -%}
        {%- for table in run_query(
            "select table_schema, table_name from information_schema.tables where table_catalog = '" ~ target.database
            ~ "' and table_name like '%!_!_dbt!_tmp%' escape '!'"
        ).rows -%}
            {%- do run_query('drop table if exists ' ~ clientele.built(table[0], table[1])) -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}


{% macro column_names(relation) %}
    {#- In lower case. Not adapter.get_columns_in_relation, which opens a transaction. -#}
    {{ return(run_query('select * from ' ~ relation ~ ' where 1 = 0').column_names | map('lower') | list) }}
{% endmacro %}


{% macro load_marks() %}
    {{ return(api.Relation.create(database=target.database, schema='core', identifier='load_marks')) }}
{% endmacro %}


{% macro taken_in(model_name=none) %}
    {#- The load up to which a table is complete, as a scalar subquery; 0 for a table that is built from nothing.
        Without an argument: this model. -#}
    {%- if model_name is none and not is_incremental() -%}
        0
    {%- else -%}
        (select coalesce(max(load_id), 0) from {{ clientele.load_marks() }} where model_name = '{{ model_name or this.identifier }}')
    {%- endif -%}
{% endmacro %}


{% macro last_load_taken_in() %}
    {#- The highest load that any table has taken in, which the ledger may have forgotten, as a scalar subquery. -#}
    (select coalesce(max(load_id), 0) from {{ clientele.load_marks() }})
{% endmacro %}


{% macro mark_load() %}
    {#- post_hook: this table has now taken in what the tables it is built from have, and is built with today's rules. -#}
    {%- if execute -%}
    {%- set now = clientele.built_with() -%}
    delete from {{ clientele.load_marks() }} where model_name = '{{ this.identifier }}';
    insert into {{ clientele.load_marks() }} (model_name, load_id, built_with, settings)
    select '{{ this.identifier }}', {{ clientele.load_of_parents() }}, '{{ now.fingerprint }}', {{ clientele.literals([now.settings]) }}
    {%- endif -%}
{% endmacro %}


{% macro load_of_parents() %}
    {#- The load up to which all marked tables that this one is built from are complete, as a scalar subquery. A selection
        may have left one of them behind the ledger. Null without such a table: nothing comes to it with a load. -#}
    {%- set parents = clientele.marked_parents(model.unique_id, []) -%}
    {%- if this.identifier == 'events' -%}
        {{ clientele.newest_load() }}
    {%- elif parents -%}
        (
            select case when count(*) = {{ parents | length }} then min(load_id) else 0 end from {{ clientele.load_marks() }}
            where model_name in ('{{ parents | join("', '") }}')
        )
    {%- else -%}
        cast(null as bigint)
    {%- endif -%}
{% endmacro %}


{% macro newest_load() %}
    {#- The load that a table built now is complete up to, as a scalar subquery: that of the newest file, or of what
        changed without a file, as an erasure does and the end of a retention. -#}
    (select greatest(
        coalesce(max(load_id), 0), (select coalesce(max(last_load_id), 0) from {{ ref('touched_days') }})
    ) from {{ ref('event_files') }})
{% endmacro %}


{% macro this_load(ledger) %}
    {#- The load under which this run takes events away, as a scalar subquery: above all that any table has taken in. -#}
    (select greatest(coalesce(max(load_id), 0), {{ clientele.last_load_taken_in() }} + 1) from {{ ledger }})
{% endmacro %}


{% macro previous_rows(relation_name, database, schema, columns, is_read=true) %}
    {#- The rows of a table further down as the last run left them; nothing before its first build, or when is_read is
        false. Not a ref: it is the earlier state of a downstream table and would close a circle. -#}
    {%- set relation = none -%}
    {%- if execute and is_read and 'settings_read' not in model -%}
        {%- set relation = adapter.get_relation(database=database, schema=schema, identifier=relation_name) -%}
    {%- endif -%}
    {%- if relation is none -%}
        select
        {% for name, type in columns.items() %}    cast(null as {{ type }}) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
        where 1 = 0
    {%- else -%}
        {#- a column that an earlier version did not have is empty, and one of another type has today's -#}
        {%- set held = clientele.column_names(relation) %}
        select
        {% for name, type in columns.items() %}    cast({{ name if name in held else 'null' }} as {{ type }}) as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
        from {{ relation }}
    {%- endif -%}
{% endmacro %}


{% macro previous_events(columns) %}
    {{- clientele.previous_rows('events', target.database, 'core', columns) -}}
{% endmacro %}


{#- Incremental strategies. Each replaces whole units in one transaction: the rows of every touched unit go, the new
    ones come. delete+insert would only remove the keys of the new batch, and so keep what should have vanished. -#}

{% macro get_incremental_touched_users_sql(arg_dict) %}
    {#- Rows of users whose events have changed, of all others that the model has built again, and of users who are not
        there any more: a full refresh that was killed has made the register anew, without them. -#}
    {%- set touched -%}
        user_sk in (select user_sk from {{ ref('users') }} where last_load_id > {{ clientele.taken_in(this.identifier) }})
        or user_sk in (select user_sk from {{ arg_dict['temp_relation'] }})
        or user_sk not in (select user_sk from {{ ref('users') }})
    {%- endset -%}
    {{- clientele._replace_rows(arg_dict, touched) -}}
{% endmacro %}


{% macro get_incremental_touched_products_sql(arg_dict) %}
    {#- Rows of products first seen on a day that has changed, and of those now seen earlier. -#}
    {%- set touched -%}
        first_seen_date in (select event_date from {{ ref('touched_days') }} where last_load_id > {{ clientele.taken_in(this.identifier) }})
        or product_id in (select product_id from {{ arg_dict['temp_relation'] }})
    {%- endset -%}
    {{- clientele._replace_rows(arg_dict, touched) -}}
{% endmacro %}


{% macro get_incremental_touched_days_sql(arg_dict) %}
    {%- set touched -%}
        event_date in (select event_date from {{ ref('touched_days') }} where last_load_id > {{ clientele.taken_in(this.identifier) }})
    {%- endset -%}
    {{- clientele._replace_rows(arg_dict, touched) -}}
{% endmacro %}


{% macro get_incremental_files_sql(arg_dict) %}
    {#- Rows of files that are no longer accepted, of files that are read (again) in this run, and of expired events. -#}
    {%- set gone -%}
        file_id not in (select file_id from {{ ref('event_files') }} where status = 'accepted')
        or file_id in (select file_id from {{ ref('stg_lake__files') }})
        {%- if 'event_at' in arg_dict['dest_columns'] | map(attribute='name') %}
        or event_at < {{ clientele.kept_from('events') }}
        {%- endif %}
    {%- endset -%}
    {{- clientele._replace_rows(arg_dict, gone) -}}
{% endmacro %}


{% macro get_incremental_pending_sql(arg_dict) %}
    {#- Rows that a stopped build worked out for loads that core.events has not taken in, those of files that are read again, and
        those of expired events. -#}
    {{- clientele._replace_rows(
        arg_dict, 'load_id > ' ~ clientele.taken_in('events') ~ ' or event_at < ' ~ clientele.kept_from('events')
        ~ ' or file_id in (select file_id from ' ~ ref('stg_lake__files') ~ ')'
    ) -}}
{% endmacro %}


{% macro get_incremental_all_or_nothing_sql(arg_dict) %}
    {#- The whole table, when the model has built it again; nothing, when it has not. -#}
    {{- clientele._replace_rows(arg_dict, 'exists (select 1 from ' ~ arg_dict['temp_relation'] ~ ')') -}}
{% endmacro %}


{% macro _replace_rows(arg_dict, condition) %}
    {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
    delete from {{ arg_dict['target_relation'] }} where {{ condition }};
    insert into {{ arg_dict['target_relation'] }} ({{ columns }})
    select {{ columns }} from {{ arg_dict['temp_relation'] }}
{% endmacro %}
