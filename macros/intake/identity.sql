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
        {%- if overlaps | length > 5 -%}{{ print('The same of ' ~ (overlaps | length - 5) ~ ' more file(s): see their duplicates.') }}{%- endif -%}
        {{ clientele._tell_about_likeness() }}
    {%- endif -%}
{% endmacro %}


{% macro _tell_about_likeness() %}
    {#- Files of this run of which most events are another file's in all but what is no part of the moment and the product: the
        same export in another form, of which each event counts twice. Days that only one file has are not looked at. -#}
    {%- set files, days = clientele.register('event_files'), clientele.register('file_days') -%}
    {%- set events, before = clientele.built('core', 'events'), clientele.load_before_this_run() -%}
    {%- set shared = run_query(
        'select min(days.event_date) as first_day, max(days.event_date) as last_day, sum(days.n_event_lines) as n_lines from ' ~ days
        ~ ' as days inner join ' ~ files ~ ' as files on days.file_id = files.file_id and files.load_id > ' ~ before
        ~ ' where exists (select 1 from ' ~ days ~ ' as others where others.event_date = days.event_date and others.file_id < days.file_id)'
    ).rows[0] -%}
    {%- if (shared['n_lines'] or 0) >= 5 -%}
        {#- of many, a share of the customers is enough -#}
        {%- set these = "mod(user_sk, " ~ (1 + (shared['n_lines'] | int) // 1000000) ~ ") = 0 and event_at >= cast('" ~ shared['first_day']
            ~ "' as timestamp) and event_at < cast('" ~ shared['last_day'] ~ "' as timestamp) + interval '1 day'" -%}
        {%- set alike = run_query(
            'with copies as (select file_id, user_sk, event_at, event_type, product_id, count(*) as n from ' ~ events
            ~ ' where load_id > ' ~ before ~ ' and ' ~ these ~ ' group by file_id, user_sk, event_at, event_type, product_id), '
            ~ 'firsts as (select user_sk, event_at, event_type, product_id, min(file_id) as file_id from ' ~ events
            ~ ' where ' ~ these ~ ' group by user_sk, event_at, event_type, product_id), '
            ~ 'shares as (select copies.file_id, sum(copies.n) as n_events, '
            ~ 'sum(case when firsts.file_id < copies.file_id then copies.n else 0 end) as n_alike, '
            ~ 'min(case when firsts.file_id < copies.file_id then firsts.file_id end) as of_file from copies inner join firsts '
            ~ 'on copies.user_sk = firsts.user_sk and copies.event_at = firsts.event_at and copies.event_type = firsts.event_type '
            ~ 'and copies.product_id = firsts.product_id group by copies.file_id) '
            ~ 'select later.file_name, earlier.file_name as of_name from shares '
            ~ 'inner join ' ~ files ~ ' as later on shares.file_id = later.file_id inner join ' ~ files ~ ' as earlier on shares.of_file = earlier.file_id '
            ~ 'where n_alike >= 5 and n_alike > 0.5 * n_events order by later.file_name'
        ).rows -%}
        {%- for file in alike[:5] -%}
            {{ print(
                file['file_name'] ~ ': more than half of its events have the customer, second, kind and product of events of ' ~ file['of_name']
                ~ ' and differ in something else, such as a quantity. Each counts. The same export in another form comes under the name of the first.'
            ) }}
        {%- endfor -%}
        {%- if alike | length > 5 -%}{{ print('The same of ' ~ (alike | length - 5) ~ ' more file(s).') }}{%- endif -%}
    {%- endif -%}
{% endmacro %}
