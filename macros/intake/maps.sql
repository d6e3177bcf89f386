{#- The maps of words and columns (seeds/event_type_map.csv, seeds/column_map.csv) are rules that files are read with. What was read
    by a row that is gone, or says something else today, can be read again from the files alone: such a change is refused, as one
    of a setting is. A word that came refuses nothing: files with lines that waited for it are read again. -#}

{% macro reading_maps() %}
    {#- {seed: a row of it as one text}; the texts that held files were read with stand in core.load_marks, under the seed's name. -#}
    {{ return({
        'event_type_map': "lower(word) || '=' || event_type",
        'column_map': "lower(column_name) || '=' || coalesce(input_column, event_type)",
    }) }}
{% endmacro %}


{% macro mark_maps() %}
    {#- post_hook of stg_lake__lines: lines are read with these rows from now on. -#}
    {%- if execute -%}
    delete from {{ clientele.load_marks() }} where model_name in ('{{ clientele.reading_maps() | join("', '") }}')
    {%- for map, row in clientele.reading_maps().items() -%}
    ;
    insert into {{ clientele.load_marks() }} (model_name, settings) select distinct '{{ map }}', {{ row }} from {{ ref(map) }}
    {%- endfor -%}
    {%- endif -%}
{% endmacro %}


{% macro check_maps() %}
    {#- pre_hook of event_files, when today's maps are loaded and no file is read yet. -#}
    {%- if execute and not flags.FULL_REFRESH -%}
        {%- set gone = [] -%}
        {%- for map in clientele.reading_maps() -%}
            {%- for row in clientele._changed_rows(map, is_gone=true) -%}{%- do gone.append(row ~ ' of seeds/' ~ map ~ '.csv') -%}{%- endfor -%}
        {%- endfor -%}
        {%- if gone -%}
            {{ clientele.refuse(
                'Nothing was loaded. ' ~ gone[:5] | join(', ') ~ (' and ' ~ (gone | length - 5) ~ ' more rows' if gone | length > 5)
                ~ ': the files were read with this, and it is not so any more. Put it back, or run dbt build --full-refresh, which reads all'
                ~ ' files again (those that are not in the lake any more are lost).'
            ) }}
        {%- endif -%}
        {%- set came = clientele._changed_rows('column_map', is_gone=false) -%}
        {%- if came -%}
            {{ print(
                'seeds/column_map.csv has new rows (' ~ came[:5] | join(', ') ~ '): files that were read before keep the columns that they had.'
                ~ ' dbt build --full-refresh reads them again.'
            ) }}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}


{% macro words_that_came() %}
    {#- Words of today's map that the held files were not read with; none where it is not known what they were read with. -#}
    {%- set words = [] -%}
    {%- if execute and not flags.FULL_REFRESH -%}
        {%- for row in clientele._changed_rows('event_type_map', is_gone=false) -%}{%- do words.append(row.rsplit('=', 1)[0]) -%}{%- endfor -%}
    {%- endif -%}
    {{ return(words) }}
{% endmacro %}


{% macro _changed_rows(map, is_gone) %}
    {#- Rows of a map that held files were read with and are not there today (is_gone), or that are there and were not. -#}
    {%- set marks = adapter.get_relation(database=target.database, schema='core', identifier='load_marks') -%}
    {%- set seed = adapter.get_relation(database=target.database, schema='core', identifier=map) -%}
    {%- if marks is none or seed is none -%}{{ return([]) }}{%- endif -%}
    {%- set before = "select settings as map_row from " ~ marks ~ " where model_name = '" ~ map ~ "'" -%}
    {%- set today = 'select distinct ' ~ clientele.reading_maps()[map] ~ ' as map_row from ' ~ seed -%}
    {{ return(run_query(
        'select map_row from (' ~ (before if is_gone else today) ~ ') as these where map_row is not null and map_row not in ('
        ~ 'select map_row from (' ~ (today if is_gone else before) ~ ') as others where map_row is not null)'
        ~ ' and exists (' ~ before ~ ') and ' ~ clientele.taken_in('events') ~ ' > 0 order by 1'
    ).columns[0].values() | list) }}
{% endmacro %}
