{#- Publishing on Redshift: every mart is unloaded as Parquet below the var publish_to, into a folder of this build's
    own, and the file `current000`, written last, names that folder: readers never see a mixture. UNLOAD's TO is the
    beginning of names: to that of one file, without PARALLEL, it adds 000. -#}

{% macro redshift__publish_marts(marts, tests, statements) %}
    {%- set place = clientele.setting('publish_to') -%}
    {%- if place == 'none' -%}
        {{ print('not published: the var publish_to names no place in S3') }}
    {%- else -%}
        {%- for mart in marts -%}
            {%- do run_query(clientele.redshift__unload(
                'select * from ' ~ clientele.built('marts', mart), place ~ '/' ~ invocation_id ~ '/' ~ mart ~ '/', 'format parquet'
            )) -%}
        {%- endfor -%}
        {%- do run_query(clientele.redshift__unload(
            "select cast('" ~ invocation_id ~ "' as varchar(64)) as folder, " ~ tests['passed'] ~ " as n_passed, "
            ~ tests['warned'] ~ " as n_warned", place ~ '/current', 'allowoverwrite parallel off'
        )) -%}
        {{ print('published ' ~ marts | join(', ') ~ ' to ' ~ place ~ '/' ~ invocation_id) }}
    {%- endif -%}
{% endmacro %}


{% macro redshift__unload(query, place, options) -%}
    unload ('{{ query | replace("'", "''") }}') to '{{ place }}' iam_role default {{ options }}
{%- endmacro %}
