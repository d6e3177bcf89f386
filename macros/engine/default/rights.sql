{#- Rights where SQL cannot read the environment and rows are deleted in place. -#}

{% macro default__named_subjects() -%}
    {#- Where SQL cannot read the environment: `clientele redshift-subjects` has put the ids into the register. Each command
        does so for itself: others may name somebody else while dbt begins. -#}
    (
        select user_id from {{ clientele.register('named_subjects') }}
        where named_as = '{{ env_var('CLIENTELE_NAMED_AS', '') | replace("'", "''") }}'
    )
{%- endmacro %}


{% macro default__withdraw_publications() %}
    {{ print('until the next build has unloaded the marts anew and the folders of earlier builds are gone from publish_to, these still hold their rows') }}
{% endmacro %}


{% macro default__finish_erasure() %}
    {%- do clientele._forget_named_subjects() -%}
    {%- for row in run_query(
        'select request_number from ' ~ clientele.register('requests') ~ " where kind = 'erase' and finished_at is null order by request_number"
    ).rows -%}
        {%- do clientele.finish_request(row['request_number']) -%}
    {%- endfor -%}
    {%- do run_query('delete from ' ~ clientele.register('erasure_requests')) -%}
    {{ print(
        'what is counted per day, product or persona leaves them out from the next build on; until it has unloaded the marts anew and '
        ~ 'the folders of earlier builds are gone from publish_to, these still hold their rows'
    ) }}
    {{ print('the warehouse keeps the bytes of deleted rows until VACUUM DELETE ONLY has run on each table, and in its snapshots') }}
{% endmacro %}


{% macro default__reseal_key_ring() %}{% endmacro %}


{% macro default__mended_lines() %}
    {{ clientele.refuse(
        'rectify_subject: files in S3 are mended where they come from, and delivered under the same name: the next build replaces '
        ~ 'their rows. Nothing was changed.'
    ) }}
{% endmacro %}


{% macro default__require_rewritable() %}{% endmacro %}
