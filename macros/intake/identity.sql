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
    {#- Files of this run of which most events are another file's in all but what is no part of the visit, the moment and the
        product: the same export in another form, of which each event counts twice. Files whose days are mostly their own are
        not looked at. -#}
    {%- set files, days = clientele.register('event_files'), clientele.register('file_days') -%}
    {%- set events, before = clientele.built('core', 'events'), clientele.load_before_this_run() -%}
    {%- set shared -%}
        select days.file_id, sum(days.n_event_lines) as n_lines,
            min(case when firsts.file_id < days.file_id then days.event_date end) as first_day,
            max(case when firsts.file_id < days.file_id then days.event_date end) as last_day
        from {{ days }} as days
        inner join {{ files }} as files on days.file_id = files.file_id
        inner join (
            select event_date, min(file_id) as file_id from {{ days }} group by event_date
        ) as firsts on days.event_date = firsts.event_date
        where files.load_id > {{ before }}
        group by days.file_id
        having sum(case when firsts.file_id < days.file_id then days.n_event_lines else 0 end) > 0.5 * sum(days.n_event_lines)
    {%- endset -%}
    {%- set span = run_query('select min(first_day) as first_day, max(last_day) as last_day, sum(n_lines) as n_lines from (' ~ shared ~ ') as shared').rows[0] -%}
    {%- if (span['n_lines'] or 0) >= 5 -%}
        {%- set keys = 'user_sk, session_sk, event_at, event_type, product_id' -%}
        {#- of many, a share of the customers is enough -#}
        {%- set these = "mod(user_sk, " ~ (1 + (span['n_lines'] | int) // 1000000) ~ ") = 0 and event_at >= cast('" ~ span['first_day']
            ~ "' as timestamp) and event_at < cast('" ~ span['last_day'] ~ "' as timestamp) + interval '1 day'" %}
        {%- set alike = run_query(
            'with copies as (select file_id, ' ~ keys ~ ', count(*) as n from ' ~ events ~ ' where file_id in (select file_id from ('
            ~ shared ~ ') as shared) and ' ~ these ~ ' group by file_id, ' ~ keys ~ '), '
            ~ 'found as (select copies.file_id, copies.n, min(events.file_id) as of_file from copies inner join (select file_id, ' ~ keys
            ~ ' from ' ~ events ~ ' where ' ~ these ~ ') as events using (' ~ keys ~ ') where events.file_id < copies.file_id '
            ~ 'group by copies.file_id, copies.n, ' ~ keys ~ '), '
            ~ 'shares as (select file_id, min(of_file) as of_file, sum(n) as n_alike from found group by file_id), '
            ~ 'totals as (select file_id, sum(n) as n_seen from copies group by file_id) '
            ~ 'select books.file_name, earlier.file_name as of_name from shares inner join totals on shares.file_id = totals.file_id '
            ~ 'inner join ' ~ clientele.built('monitor', 'reconciliation') ~ ' as books on shares.file_id = books.file_id '
            ~ 'inner join ' ~ files ~ ' as earlier on shares.of_file = earlier.file_id where n_alike >= 5 '
            ~ 'and n_alike * 1.0 / n_seen * books.n_loaded > 0.5 * (books.n_loaded + books.n_duplicates) order by books.file_name'
        ).rows -%}
        {%- for file in alike[:5] -%}
            {{ print(
                file['file_name'] ~ ': more than half of its events have the customer, session, second, kind and product of events of ' ~ file['of_name']
                ~ ' and differ in something else, such as a quantity. Each counts. The same export in another form comes under the name of the first.'
            ) }}
        {%- endfor -%}
        {%- if alike | length > 5 -%}{{ print('The same of ' ~ (alike | length - 5) ~ ' more file(s).') }}{%- endif -%}
    {%- endif -%}
{% endmacro %}
