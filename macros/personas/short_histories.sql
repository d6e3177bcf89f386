{#- The study of short histories: after how many events is a customer's persona known? The lengths to which long histories
    are cut stand in macros/customers/moments.sql, when the study is due in macros/registry/fits.sql. -#}

{% macro assumed_min_events() %}
    {#- Events before a customer is given a persona while nothing has been measured. -#}
    {{ return(20) }}
{% endmacro %}


{% macro choice_fields() %}
    {#- What a study chooses, and the types: one row per study. -#}
    {{ return({
        'min_events': 'integer',
        'basis': 'varchar(16)',
        'kappa_bar': 'double precision',
        'mature_events': 'integer',
        'early_below_events': 'integer',
        'calibration_error': 'double precision',
        'n_mismatches': 'integer',
    }) }}
{% endmacro %}


{% macro persona_threshold_ctes(flag) %}
    {#- CTEs that end in `threshold`, one row: min_events, basis, early_below_events and mature_events of the model that
        segment_models marks with `flag`. -#}
    {%- set min_events = clientele.setting('min_events') -%}
model_of_threshold as (
    select fit_number from {{ ref('segment_models') }} where {{ flag }}
),

choices as (
    {{ clientele.fit_part(ref('persona_study_fields'), 'choice', clientele.choice_fields()) }}
),

study as (
    select
        max(choices.min_events) as min_events,
        max(choices.basis) as basis,
        max(choices.early_below_events) as early_below_events,
        max(choices.mature_events) as mature_events
    from choices
    inner join model_of_threshold on choices.fit_number = model_of_threshold.fit_number
),

threshold as (
    select
        {% if min_events == 'auto' -%}
        cast(coalesce(min_events, {{ clientele.assumed_min_events() }}) as integer) as min_events,
        coalesce(basis, 'assumed') as basis,
        {%- else -%}
        {{ min_events }} as min_events,
        cast('set' as varchar(16)) as basis,
        {%- endif %}
        cast(coalesce(early_below_events, 0) as integer) as early_below_events,
        cast(coalesce(mature_events, 0) as integer) as mature_events
    from study
)
{% endmacro %}
