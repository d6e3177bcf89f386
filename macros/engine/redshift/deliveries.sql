{#- Deliveries: lake.event_lines is partitioned by the day on which files were delivered (deploy/redshift/lake.sql). A run takes up
    the lines of those days in which there may be something new, by one statement whose predicate is a list of days in
    words: Spectrum then reads no other file, and each of these once. docs/decisions/0118-deliveries-are-partitions.md -#}

{% macro redshift__taken_up_lines() %}
    {{ return(clientele.register('lake_lines')) }}
{% endmacro %}


{% macro redshift__take_up_lines() %}
    {#- Before the ledger: a table of the vault with the lines of the days to be looked at. It is dropped when they are read. -#}
    {%- if execute and not clientele.events_relation() -%}
        {%- set lines = clientele.redshift__taken_up_lines() -%}
        {%- set days = clientele._days_to_look_at() -%}
        {%- do run_query('drop table if exists ' ~ lines) -%}
        {%- do run_query(
            'create table ' ~ lines ~ ' (line varchar(65535), file_path varchar(4096), file_bytes bigint) diststyle even'
        ) -%}
        {%- if days -%}
            {%- do run_query(
                'insert into ' ~ lines ~ ' select line, cast("$path" as varchar(4096)), "$size" from lake.event_lines'
                ~ " where delivered in ('" ~ days | join("', '") ~ "')"
            ) -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}


{% macro redshift__take_up_lines_again() %}
    {#- Before lines are read without the ledger's step, as dbt build --select stg_lake__lines does: if they are gone, once more. -#}
    {%- if not clientele.is_there(clientele.register('lake_lines')) -%}{%- do clientele.redshift__take_up_lines() -%}{%- endif -%}
{% endmacro %}


{% macro _days_to_look_at() %}
    {#- Days of delivery, as texts: those that the ledger does not know, its newest two, into which more files may have come since,
        and those of files that were refused, are to be read still, or have lines that are due. -#}
    {%- set listed = run_query(
        "select \"values\" from svv_external_partitions where schemaname = 'lake' and tablename = 'event_lines'"
    ) -%}
    {%- set days = [] -%}
    {%- for text in listed.columns[0].values() -%}
        {%- do days.extend(modules.re.findall('[0-9]{4}-[0-9]{2}-[0-9]{2}', text)) -%}
    {%- endfor -%}
    {%- if not days -%}
        {{ clientele.refuse(
            'Nothing was loaded. lake.event_lines has no delivery: put files below events/delivered=YYYY-MM-DD/ and add that day as a '
            ~ 'partition, as deploy/redshift/deliver.sh does (docs/redshift.md).'
        ) }}
    {%- endif -%}
    {%- set ledger = adapter.get_relation(database=target.database, schema='vault', identifier='event_files') -%}
    {%- if ledger is none or flags.FULL_REFRESH or clientele.setting('rehash') -%}
        {{ return(days | unique | sort) }}
    {%- endif -%}
    {%- set known = {} -%}
    {%- for row in run_query(clientele._days_known(ledger)).rows -%}{%- do known.update({row[0]: row[1]}) -%}{%- endfor -%}
    {%- set newest = (known.keys() | sort)[-2:] -%}
    {%- set wanted = [] -%}
    {%- for day in days | unique | sort if day not in known or known[day] == 1 or day in newest -%}
        {%- do wanted.append(day) -%}
    {%- endfor -%}
    {{ return(wanted) }}
{% endmacro %}


{% macro _days_known(ledger) %}
    {#- A select: each day of which the ledger has files, and 1 if a file of it is to be looked at again. -#}
    select
        split_part(split_part(file_path, '/delivered=', 2), '/', 1) as delivered,
        max(
            case
                when status = 'refused' then 1
                when status = 'accepted' and load_id > {{ clientele.taken_in('events') }} then 1
                when file_id in ({{ clientele.files_with_due_lines() }}) then 1
                else 0
            end
        ) as is_to_be_read
    from {{ ledger }}
    where status in ('accepted', 'same_content', 'refused') and file_path like '%/delivered=%'
    group by split_part(split_part(file_path, '/delivered=', 2), '/', 1)
{% endmacro %}
