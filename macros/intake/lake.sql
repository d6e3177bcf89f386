{#- The lake: files as they were delivered. DuckDB reads them in place; what differs between engines is here. -#}

{% macro ledger_columns() %}
    {{ return({
        'file_id': 'bigint',
        'load_id': 'bigint',
        'file_path': 'varchar(4096)',
        'file_identity': 'varchar(4096)',
        'file_name': 'varchar(1024)',
        'sha256': 'varchar(64)',
        'file_bytes': 'bigint',
        'modified_ns': 'bigint',
        'delivered_at': 'timestamp',
        'judged_at': 'timestamp',
        'file_format': 'varchar(16)',
        'file_compression': 'varchar(16)',
        'column_positions': 'varchar(64)',
        'column_constants': 'varchar(512)',
        'n_columns': 'bigint',
        'n_lines': 'bigint',
        'longest_line_bytes': 'bigint',
        'has_quotes': 'boolean',
        'has_nul': 'boolean',
        'has_invalid_utf8': 'boolean',
        'reader_path': 'varchar(4096)',
        'reader_delimiter': 'varchar(8)',
        'reader_new_line': 'varchar(4)',
        'reader_is_parallel': 'boolean',
        'reader_max_line_size': 'bigint',
        'status': 'varchar(16)',
        'reason': 'varchar(4096)',
    }) }}
{% endmacro %}


{% macro lake_inventory(earlier) %}
    {#- One row per file in the lake now. `earlier`: name of a CTE with the ledger so far, so that a file whose
        size and time have not changed is not read again. -#}
    {%- if clientele.events_relation() -%}{{ return(clientele.relation_inventory()) }}{%- endif -%}
    {{ return(adapter.dispatch('lake_inventory', 'clientele')(earlier)) }}
{% endmacro %}


{% macro lake_problem() %}
    {#- Why there is no file to look at, or none. Redshift asks its lake in SQL. -#}
    {{ return(adapter.dispatch('lake_problem', 'clientele')()) }}
{% endmacro %}


{% macro default__lake_problem() %}{{ return(none) }}{% endmacro %}


{% macro take_up_lines() %}
    {#- What an engine has to do before its ledger looks at the lake; DuckDB, which reads files in place, nothing. -#}
    {{- return(adapter.dispatch('take_up_lines', 'clientele')()) -}}
{% endmacro %}


{% macro default__take_up_lines() %}{% endmacro %}


{% macro file_facts() %}
    {#- What is known of a file by looking at it; kept in the ledger, so that an unchanged file is not looked at again. -#}
    {%- set facts = {} -%}
    {%- for name, type in clientele.ledger_columns().items() if name not in ['file_id', 'load_id', 'delivered_at', 'judged_at', 'status', 'reason'] -%}
        {%- do facts.update({name: type}) -%}
    {%- endfor -%}
    {{ return(facts) }}
{% endmacro %}


{% macro stop_on_refused_files(ledger) %}
    {#- Ends the build, before anything is loaded, with one sentence per file that cannot be read. -#}
    {%- if execute and clientele.setting('on_refused_file') == 'fail' -%}
        {%- set refused = run_query("select reason from " ~ ledger ~ " where status = 'refused' order by file_path") -%}
        {%- if refused | length > 0 -%}
            {{ clientele.refuse(
                'Nothing was loaded.\n- ' ~ refused.columns[0].values() | join('\n- ')
                ~ "\nMend or remove what is named above, or build with --vars '{on_refused_file: skip}' to go on without it."
            ) }}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}


{% macro line_columns() %}
    {#- The columns of stg_lake__lines, with their types: an event's, before its user has a pseudonym. -#}
    {%- set columns = {'file_id': 'bigint', 'load_id': 'bigint', 'line_kind': 'varchar(8)', 'reason': 'varchar(32)'} -%}
    {%- do columns.update(clientele.event_columns()) -%}
    {%- do columns.pop('user_sk') -%}
    {%- do columns.update({
        'user_id': clientele.id_type(clientele.id_kind('user')), 'product_code': 'varchar(256)', 'is_respelled': 'boolean',
        'line_text': 'varchar(65535)',
    }) -%}
    {{ return(columns) }}
{% endmacro %}


{% macro lake_columns() %}
    {#- The nine of the input format, in its order, and the quantity. -#}
    {{ return(['event_time', 'event_type', 'product_id', 'category_id', 'category_code', 'brand', 'price', 'user_id', 'user_session', 'quantity']) }}
{% endmacro %}


{% macro delimiter() -%}
    {{ {'comma': "','", 'semicolon': "';'", 'tab': 'chr(9)', 'pipe': "'|'"}[clientele.setting('delimiter')] }}
{%- endmacro %}


{% macro lake_lines() %}
    {#- A relation with every physical line of the files to be read, split into ten texts. On DuckDB it is a view of
        one file that the by_file materialization sets up, file after file. -#}
    {{- return(adapter.dispatch('lake_lines', 'clientele')()) -}}
{% endmacro %}


{% macro _is_held() -%}
    {#- A condition on the ledger: rows of this file are in core.events until this run takes them away. -#}
    {%- set events = adapter.get_relation(database=target.database, schema='core', identifier='events') -%}
    {{ 'false' if events is none else 'file_id in (select file_id from ' ~ events ~ ')' }}
{%- endmacro %}


{% macro tell_about_files() %}
    {#- Says, before the long work starts, which files were skipped or replaced in this load, or are lost. -#}
    {%- if execute -%}
        {%- set told = run_query(
            "select file_name, status, reason from " ~ ref('event_files')
            ~ " where status in ('same_content', 'replaced', 'refused') and load_id = (select max(load_id) from " ~ ref('event_files') ~ ")"
            ~ " or (status = 'replaced' and " ~ clientele._is_held() ~ ")"
            ~ " or (status = 'replaced' and reason in (select 'delivered again as file ' || cast(file_id as varchar(20)) from " ~ this ~ "))"
            ~ " order by file_id"
        ) -%}
        {%- for file in told.rows -%}
            {{ print(file['file_name'] ~ ': ' ~ file['status'] | replace('_', ' ') ~ ' (' ~ file['reason'] ~ ')') }}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}
