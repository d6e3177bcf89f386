{#- What is told of files whose days or events are those of others. -#}

{% macro files_of_other_days(lines) %}
    {#- Files of this load that took the place of one of the same identity and hold none of its days: rows of new_path, old_path. Such
        a file is no correction: it is another one, of another folder or another day, or an upload was cut. -#}
    {%- set days = clientele.register('file_days') -%}
    {%- if adapter.get_relation(database=days.database, schema=days.schema, identifier=days.identifier) is none -%}{{ return([]) }}{%- endif -%}
    {{ return(run_query(
        "select new_files.file_path as new_path, old_files.file_path as old_path from " ~ ref('event_files') ~ " as old_files inner join "
        ~ ref('stg_lake__files') ~ " as new_files on old_files.file_identity = new_files.file_identity and old_files.status = 'replaced'"
        ~ " and old_files.reason = 'delivered again as file ' || cast(new_files.file_id as varchar(20))"
        ~ " where old_files.file_id in (select file_id from " ~ days ~ ")"
        ~ " and not exists (select 1 from " ~ days ~ " as days inner join " ~ lines ~ " as held on cast(held.event_at as date) = days.event_date"
        ~ " where days.file_id = old_files.file_id and held.file_id = new_files.file_id and held.line_kind in " ~ clientele.kept_kinds() ~ ") order by 1"
    ).rows) }}
{% endmacro %}


{% macro tell_about_overlap(results) %}
    {#- on-run-end: files of this run of which most events were held already from another file. A line counts once, for the
        first file that has such an event, however many there are. -#}
    {%- set built = results | selectattr('status', 'equalto', 'success') | map(attribute='node.name') | list -%}
    {%- if execute and flags.WHICH in ['build', 'run', 'retry'] and 'reconciliation' in built -%}
        {%- set overlaps = run_query(
            "select file_name, n_events, n_held, of_file from (select books.file_name, books.n_loaded + books.n_duplicates as n_events,"
            ~ " held.n_held, held.of_file, sum(held.n_held) over (partition by held.file_id) as n_held_by_all,"
            ~ " row_number() over (partition by held.file_id order by held.n_held desc, held.of_file) as place from "
            ~ clientele.built('monitor', 'reconciliation') ~ " as books inner join (select file_id, of_file, count(*) as n_held"
            ~ " from (select copies.file_id, copies.line_number, min(firsts.file_id) as of_file from "
            ~ clientele.built('core', 'duplicate_events') ~ " as copies inner join " ~ clientele.built('core', 'events')
            ~ " as firsts on copies.user_sk = firsts.user_sk and copies.event_at = firsts.event_at and copies.event_type = firsts.event_type"
            ~ " and copies.product_id = firsts.product_id and copies.file_id != firsts.file_id where copies.load_id > " ~ clientele.load_before_this_run()
            ~ " group by copies.file_id, copies.line_number) as lines group by file_id, of_file) as held on books.file_id = held.file_id) as shared"
            ~ " where place = 1 and n_held_by_all >= 5 and n_held_by_all > 0.5 * n_events order by n_held desc, file_name"
        ).rows -%}
        {%- for overlap in overlaps[:5] -%}
            {{ print(
                overlap['file_name'] ~ ': more than half of its ' ~ '{:,}'.format(overlap['n_events'] | int) ~ ' events are held already, '
                ~ '{:,}'.format(overlap['n_held'] | int) ~ ' of them from ' ~ run_query(
                    'select file_name from ' ~ clientele.register('event_files') ~ ' where file_id = ' ~ overlap['of_file']
                ).columns[0].values()[0]
                ~ '. They count once. A correction comes under the name of the file that it corrects; under another name it only adds.'
            ) }}
        {%- endfor -%}
        {%- if overlaps | length > 5 -%}{{ print('The same of ' ~ (overlaps | length - 5) ~ ' more file(s): monitor.reconciliation.') }}{%- endif -%}
    {%- endif -%}
{% endmacro %}
