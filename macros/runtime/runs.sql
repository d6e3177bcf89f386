{#- Run history. on-run-start writes that a run has begun, on-run-end what each model did and that the run has ended: a
    run without an end was killed, and the next one says so. Rows are only ever added, also by failed builds and full
    refreshes; monitor.builds and monitor.runs read them. -#}

{% macro run_log() %}
    {{ return(clientele.built('monitor', 'run_log')) }}
{% endmacro %}


{% macro run_log_columns() %}
    {{ return({
        'run_id': 'varchar(64)',
        'entry': 'varchar(16)',
        'name': 'varchar(256)',
        'logged_at': 'timestamp',
        'status': 'varchar(32)',
        'seconds': 'double precision',
        'n_rows_in': 'bigint',
        'n_rows_out': 'bigint',
        'n_bytes': 'bigint',
        'n_failed': 'bigint',
        'load_id': 'bigint',
    }) }}
{% endmacro %}


{% macro record_run_start() %}
    {%- if execute and flags.WHICH in ['build', 'run', 'retry'] -%}
        {%- do adapter.create_schema(clientele.run_log().without_identifier()) -%}
        {%- do clientele.create_if_missing(clientele.run_log(), clientele.run_log_columns()) -%}
        {{ clientele.tell_about_unclean_stop() }}
        {%- do clientele._log_entries([{
            'entry': 'started', 'name': flags.WHICH, 'status': 'full refresh' if flags.FULL_REFRESH else 'incremental',
            'load_id': clientele._load_taken_in(),
        }]) -%}
    {%- endif -%}
{% endmacro %}


{% macro record_models(results) %}
    {#- One entry per model of this run. Sizes are those of the tables now; a view has none of its own. -#}
    {%- if execute and flags.WHICH in ['build', 'run', 'retry'] -%}
        {%- set measured = {} -%}
        {%- for result in results if result.status == 'success' and result.node.resource_type in ['model', 'seed'] -%}
            {%- if result.node.config.materialized not in ['view', 'ephemeral'] -%}
                {%- do measured.update({result.node.unique_id: result.node.relation_name}) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- do clientele.write_out() -%}
        {%- set sizes = clientele.table_sizes(measured) -%}
        {%- set entries = [] -%}
        {%- for result in results if result.node.resource_type == 'model' -%}
            {%- set size = sizes.get(result.node.unique_id, {}) -%}
            {%- set parents = clientele._tables_read(result.node.unique_id, []) -%}
            {%- set n_rows_in = namespace(value=0) -%}
            {%- for parent in parents -%}
                {%- set n_rows_in.value = (
                    n_rows_in.value + sizes[parent]['n_rows']
                    if n_rows_in.value is not none and parent in sizes else none
                ) -%}
            {%- endfor -%}
            {%- do entries.append({
                'entry': 'model', 'name': result.node.name, 'status': result.status | string,
                'seconds': result.execution_time | round(3),
                'n_rows_in': n_rows_in.value if parents else none,
                'n_rows_out': size.get('n_rows'), 'n_bytes': size.get('n_bytes'),
            }) -%}
        {%- endfor -%}
        {%- do clientele._log_entries(entries) -%}
    {%- endif -%}
{% endmacro %}


{% macro record_run_end(results) %}
    {%- if execute and flags.WHICH in ['build', 'run', 'retry'] -%}
        {%- set n_failed = results | rejectattr('status', 'in', ['success', 'pass', 'warn', 'no-op']) | list | length -%}
        {%- do clientele._log_entries([{
            'entry': 'ended', 'name': flags.WHICH, 'status': 'failed' if n_failed else 'succeeded', 'n_failed': n_failed,
            'load_id': clientele._load_taken_in(), 'n_rows_in': clientele._lines_taken_in(results),
        }]) -%}
    {%- endif -%}
{% endmacro %}


{% macro tell_about_invalid_rows(results) %}
    {#- What is broken in a table, and how often: dbt itself says no more than the name of the test. -#}
    {%- if execute -%}
        {%- for result in results if result.status in ['fail', 'warn'] and result.node.test_metadata -%}
            {%- if result.node.test_metadata.name in ['valid_rows', 'features_are_finite'] -%}
                {%- for row in run_query(result.node.compiled_code).rows -%}
                    {{ print(result.node.name ~ ': ' ~ row['n_rows'] ~ ' row(s) break: ' ~ row['broken']) }}
                {%- endfor -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}


{% macro tell_about_unclean_stop() %}
    {#- One sentence, when the last run has no end: what it left, and that this run goes on from there. -#}
    {%- set stopped = run_query(
        "select run_id, name, left(cast(logged_at as varchar(32)), 19) as started_at from " ~ clientele.run_log()
        ~ " as starts where entry = 'started' and logged_at = (select max(logged_at) from " ~ clientele.run_log()
        ~ " where entry = 'started') and run_id not in (select run_id from " ~ clientele.run_log()
        ~ " where entry = 'ended')"
    ).rows -%}
    {%- if stopped -%}
        {%- set found = [] -%}
        {%- set ledger = adapter.get_relation(
            database=clientele.vault_database(), schema='vault', identifier='event_files'
        ) -%}
        {%- if ledger is not none -%}
            {%- set pending = run_query(
                "select file_name from " ~ ledger ~ " where status = 'accepted' and load_id > " ~ clientele.taken_in('events')
                ~ " order by file_name"
            ).columns[0].values() -%}
            {%- if pending -%}
                {%- do found.append(
                    (pending | length) ~ ' file(s) had not been loaded and are read now (' ~ pending[:5] | join(', ')
                    ~ (', …' if pending | length > 5 else '') ~ ')'
                ) -%}
            {%- else -%}
                {%- do found.append('every file that it had seen is loaded') -%}
            {%- endif -%}
        {%- else -%}
            {%- do found.append('it had loaded nothing') -%}
        {%- endif -%}
        {%- set behind = run_query(
            "select model_name from " ~ clientele.load_marks() ~ " where load_id < " ~ clientele.taken_in('events')
            ~ " order by model_name"
        ).columns[0].values() -%}
        {%- if behind -%}
            {%- do found.append('behind the loaded events and brought up to them now: ' ~ behind | join(', ')) -%}
        {%- endif -%}
        {{ print(
            'the last run (dbt ' ~ stopped[0]['name'] ~ ', ' ~ stopped[0]['started_at'] ~ ' UTC, ' ~ stopped[0]['run_id']
            ~ ') stopped before its end: ' ~ found | join('; ') ~ '. Nothing is to be done by hand.'
        ) }}
    {%- endif -%}
{% endmacro %}


{% macro load_before_this_run() %}
    {#- The load up to which events were complete when this run began, as a scalar subquery. -#}
    {{ return("(select coalesce(max(load_id), 0) from " ~ clientele.run_log() ~ " where entry = 'started' and run_id = '" ~ invocation_id ~ "')") }}
{% endmacro %}


{% macro _load_taken_in() %}
    {{ return(run_query('select ' ~ clientele.taken_in('events')).columns[0].values()[0] | int) }}
{% endmacro %}


{% macro _lines_taken_in(results) %}
    {#- Lines of the files that core.events took in during this run. Not when it failed: a ledger that a failed model took
        back is still in dbt's cache. -#}
    {%- set succeeded = results | selectattr('status', 'equalto', 'success') | map(attribute='node.name') | list -%}
    {%- if 'events' not in succeeded -%}{{ return(0) }}{%- endif -%}
    {{ return(run_query(
        "select coalesce(sum(n_lines), 0) from " ~ clientele.register('event_files') ~ " where status = 'accepted' and load_id <= "
        ~ clientele.taken_in('events') ~ " and load_id > " ~ clientele.load_before_this_run()
    ).columns[0].values()[0] | int) }}
{% endmacro %}


{% macro _tables_read(unique_id, found) %}
    {#- The tables and seeds behind a model, through its views. -#}
    {%- for parent in graph.nodes[unique_id].depends_on.nodes -%}
        {%- if parent in graph.nodes -%}
            {%- if graph.nodes[parent].config.materialized in ['view', 'ephemeral'] -%}
                {%- do clientele._tables_read(parent, found) -%}
            {%- elif parent not in found -%}
                {%- do found.append(parent) -%}
            {%- endif -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}


{% macro _log_entries(entries) %}
    {#- Names and words of this project and numbers only: no text of a user's reaches the statement. -#}
    {%- if entries -%}
        {%- set now = modules.datetime.datetime.now(modules.pytz.utc).strftime('%Y-%m-%d %H:%M:%S.%f') -%}
        {%- set rows = [] -%}
        {%- for entry in entries -%}
            {%- set values = [] -%}
            {%- do entry.update({'run_id': invocation_id, 'logged_at': now}) -%}
            {%- for name in clientele.run_log_columns() -%}
                {%- set value = entry.get(name) -%}
                {%- do values.append('null' if value is none else value if value is number else "'" ~ value ~ "'") -%}
            {%- endfor -%}
            {%- do rows.append('(' ~ values | join(', ') ~ ')') -%}
        {%- endfor -%}
        {%- do run_query(
            'insert into ' ~ clientele.run_log() ~ ' (' ~ clientele.run_log_columns().keys() | join(', ') ~ ') values '
            ~ rows | join(', ')
        ) -%}
    {%- endif -%}
{% endmacro %}


{% macro table_sizes(tables) %}
    {#- Rows and bytes (none where the engine does not tell) of tables: a dictionary by the keys of `tables`, whose values are
        relations as text. -#}
    {%- set sizes = {} -%}
    {%- if tables -%}
        {%- set queries = [] -%}
        {%- for name, relation in tables.items() -%}
            {%- do queries.append(
                "select '" ~ name ~ "' as name, (select count(*) from " ~ relation ~ ") as n_rows, "
                ~ clientele.table_bytes(relation) ~ " as n_bytes"
            ) -%}
        {%- endfor -%}
        {%- for row in run_query(queries | join(' union all ')).rows -%}
            {%- do sizes.update({row['name']: {
                'n_rows': row['n_rows'] | int, 'n_bytes': none if row['n_bytes'] is none else row['n_bytes'] | int
            }}) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(sizes) }}
{% endmacro %}


{% macro table_bytes(relation) %}
    {{- return(adapter.dispatch('table_bytes', 'clientele')(relation)) -}}
{% endmacro %}


{% macro write_out() %}
    {#- Has tables in their files, where sizes can be read. DuckDB does it when it is closed, and so a moment later anyway. -#}
    {{ return(adapter.dispatch('write_out', 'clientele')()) }}
{% endmacro %}


{% macro tell_telemetry(results) %}
    {#- on-run-end, last: figures for those who watch, and a word when something is wrong. Names of nodes, no message: an
        engine's may quote a row. -#}
    {%- if execute and flags.WHICH in ['build', 'run', 'retry'] -%}
        {%- set failed = results | rejectattr('status', 'in', ['success', 'pass', 'warn', 'no-op', 'skipped'])
            | map(attribute='node.name') | list -%}
        {%- set built = results | selectattr('status', 'equalto', 'success') | map(attribute='node.name') | list -%}
        {{ adapter.dispatch('tell_telemetry', 'clientele')(failed, clientele._lines_taken_in(results), built) }}
    {%- endif -%}
{% endmacro %}
