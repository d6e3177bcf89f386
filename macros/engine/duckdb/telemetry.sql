{#- The end of a run in figures, handed to the plug point (src/clientele/runtime/telemetry.py). -#}

{% macro duckdb__tell_telemetry(failed, n_run_lines, built) %}
    {%- set held = run_query(
        "select table_schema || '.' || table_name from information_schema.tables where table_catalog = '" ~ target.database
        ~ "' and (table_schema, table_name) in (('monitor', 'reconciliation'), ('core', 'events'))"
    ).columns[0].values() -%}
    {%- set facts = {'run_id': invocation_id, 'failed': failed, 'n_run_lines': n_run_lines} -%}
    {%- if 'monitor.reconciliation' in held -%}
        {%- set books = run_query(
            'select coalesce(sum(n_lines), 0), coalesce(sum(n_loaded), 0), coalesce(sum(n_duplicates), 0), coalesce(sum(n_quarantined), 0) from '
            ~ clientele.built('monitor', 'reconciliation')
        ).rows[0] -%}
        {%- do facts.update({
            'n_lines': books[0] | int, 'n_loaded': books[1] | int, 'n_duplicates': books[2] | int, 'n_quarantined': books[3] | int
        }) -%}
    {%- endif -%}
    {%- if 'core.events' in held -%}
        {%- set newest = run_query('select epoch(max(event_at)) from ' ~ clientele.built('core', 'events')).columns[0].values()[0] -%}
        {%- do facts.update({'last_event': (newest or 0) | int}) -%}
    {%- endif -%}
    {%- if 'health_alarms' in built -%}
        {%- set alarms = [] -%}
        {%- for row in run_query(
            'select alarm, alarm_state, owner_name, remedy from ' ~ clientele.built('monitor', 'health_alarms') ~ ' order by alarm'
        ).rows -%}
            {%- do alarms.append({
                'alarm': row['alarm'], 'alarm_state': row['alarm_state'], 'owner_name': row['owner_name'], 'remedy': row['remedy']
            }) -%}
        {%- endfor -%}
        {%- do facts.update({'alarms': alarms}) -%}
    {%- endif -%}
    {%- set problems = run_query(
        "select clientele_run_ended('" ~ tojson(facts) | replace("'", "''") ~ "')"
    ).columns[0].values()[0] -%}
    {%- if problems -%}{{ print(problems) }}{%- endif -%}
{% endmacro %}
