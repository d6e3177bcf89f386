{#- The study of short histories: after how many events is a customer's persona known? The lengths, what counts as a
    long history, and when the study is due are written here, once. -#}

{% macro history_lengths() %}
    {#- The numbers of events to which long histories are cut. -#}
    {{ return([1, 2, 3, 5, 8, 10, 15, 20, 25, 40, 80]) }}
{% endmacro %}


{% macro assumed_min_events() %}
    {#- Events before a customer is given a persona while nothing has been measured. -#}
    {{ return(20) }}
{% endmacro %}


{% macro mature_events(feature_values) %}
    {#- From how many events on a history counts as long: one row, n_events. 80; 40 in a shop with fewer than 300 users
        of 80 events; no number (nothing can be measured) with fewer than 300 of 40. -#}
    select
        case
            {% for bar in [80, 40] -%}
            when sum(case when n_events >= {{ bar }} then 1 else 0 end) >= 300 then {{ bar }}
            {% endfor -%}
        end as n_events
    from {{ feature_values }}
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


{% macro study_is_due(fits) %}
    {#- A model is studied once: when it is new, or as soon as the shop has enough long histories. Compiling alone never
        asks the database. -#}
    {%- if clientele.setting('compare_early') -%}{{ return(true) }}{%- endif -%}
    {%- if not execute or flags.WHICH not in ['build', 'run', 'retry'] -%}{{ return(true) }}{%- endif -%}
    {%- set studies = adapter.get_relation(database=target.database, schema='core', identifier='segment_studies') -%}
    {%- if studies is none or flags.FULL_REFRESH -%}{{ return(true) }}{%- endif -%}
    {%- set n_models = run_query(
        "select count(*) from " ~ fits ~ " where row_kind = 'weight' and fit_number not in (select fit_number from " ~ studies ~ ")"
    ).columns[0].values()[0] -%}
    {{ return(n_models | int > 0) }}
{% endmacro %}
