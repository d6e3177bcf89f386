{#- The study of short histories: after how many events is a customer's persona known? The lengths to which long histories
    are cut stand in macros/customers/moments.sql, when the study is due in macros/registry/fits.sql. -#}

{% macro assumed_min_events() %}
    {#- Events before a customer is given a persona while nothing has been measured. -#}
    {{ return(20) }}
{% endmacro %}


{% macro persona_threshold_ctes(flag) %}
    {#- CTEs that end in `threshold`, one row: min_events, basis, early_below_events and mature_events of the model that
        segment_models marks with `flag`. -#}
    {%- set min_events = clientele.setting('min_events') -%}
model_of_threshold as (
    select fit_number from {{ ref('segment_models') }} where {{ flag }}
),

study as (
    select
        max(case when studies.item = 'min_events' then studies.value end) as min_events,
        max(case when studies.item = 'basis' then studies.text end) as basis,
        max(case when studies.item = 'early_below_events' then studies.value end) as early_below_events,
        max(case when studies.item = 'mature_events' then studies.value end) as mature_events
    from {{ ref('segment_studies') }} as studies
    inner join model_of_threshold on studies.fit_number = model_of_threshold.fit_number
    where studies.row_kind = 'choice'
),

threshold as (
    select
        {% if min_events == 'auto' -%}
        cast(coalesce(min_events, {{ clientele.assumed_min_events() }}) as integer) as min_events,
        cast(coalesce(basis, 'assumed') as varchar(16)) as basis,
        {%- else -%}
        {{ min_events }} as min_events,
        cast('set' as varchar(16)) as basis,
        {%- endif %}
        cast(coalesce(early_below_events, 0) as integer) as early_below_events,
        cast(coalesce(mature_events, 0) as integer) as mature_events
    from study
)
{% endmacro %}
