{#- Models that an experiment sets against each other: which of them scores meanwhile, and which afterwards.
    docs/decisions/0129-promotion-by-outcome.md -#}

{% macro model_trials() %}
    {#- [{experiment, model, is_control}] of the arms of experiments that say `model`. Empty while dbt parses. -#}
    {%- set found = [] -%}
    {%- for exposure in (graph.exposures or {}).values() | sort(attribute='name') if exposure.config.meta.get('experiment') is mapping -%}
        {%- set definition = exposure.config.meta['experiment'] -%}
        {%- set arms = definition.get('arms') -%}
        {%- for arm in (arms if arms is iterable and arms is not mapping and arms is not string else []) if arm is mapping and arm.get('model') is string -%}
            {%- do found.append({'experiment': exposure.name, 'model': arm.model, 'is_control': arm.name == definition.get('control', 'holdout')}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}


{% macro outcome_ctes() %}
    {#- CTEs that end in `outcomes` and `trials`. outcomes: model, decision (promote, hold_back) and reason of experiments that are
        over, as the last build wrote them (core.model_outcomes); of a model that was tried twice the newest. trials: the model of each
        arm of experiments without an outcome yet, and whether it is the control. Compiling alone never asks the database. -#}
    {%- set written = none -%}
    {%- if execute and flags.WHICH in ['build', 'run', 'retry', 'test'] -%}
        {%- set written = adapter.get_relation(database=target.database, schema='core', identifier='model_outcomes') -%}
    {%- endif -%}
    {%- set trials = clientele.model_trials() %}
all_outcomes as (
    {%- if written is not none %}
    select
        experiment,
        model,
        decision,
        reason,
        row_number() over (partition by model order by decided_date desc nulls last, experiment) as outcome_place
    from {{ written }}
    {%- else %}
    select
        cast(null as varchar(64)) as experiment,
        cast(null as varchar(128)) as model,
        cast(null as varchar(16)) as decision,
        cast(null as varchar(512)) as reason,
        1 as outcome_place
    from {{ ref('segment_decisions') }}
    where 1 = 0
    {%- endif %}
),

outcomes as (
    select model, decision, reason from all_outcomes where outcome_place = 1
),

named_trials as (
    {%- for trial in trials %}
    select
        cast('{{ trial.experiment }}' as varchar(64)) as experiment,
        cast({{ clientele.literals([trial.model]) | trim }} as varchar(128)) as model,
        {{ 1 if trial.is_control else 0 }} as is_control
    {{ 'union all' if not loop.last }}
    {%- else %}
    select
        cast(null as varchar(64)) as experiment,
        cast(null as varchar(128)) as model,
        0 as is_control
    from {{ ref('segment_decisions') }}
    where 1 = 0
    {%- endfor %}
),

trials as (
    select
        named_trials.experiment,
        named_trials.model,
        named_trials.is_control
    from named_trials
    left join (select distinct experiment from all_outcomes) as ended on named_trials.experiment = ended.experiment
    where ended.experiment is null
)
{% endmacro %}


{% macro has_fresh_outcome() %}
    {#- Whether this run wrote the outcome of an experiment with models: the next build reads it. -#}
    {%- set written = adapter.get_relation(database=target.database, schema='core', identifier='model_outcomes') -%}
    {%- if written is none -%}{{ return(false) }}{%- endif -%}
    {{ return(run_query(
        'select count(*) from ' ~ written ~ ' where decided_date = (select cast(max(as_of_at) as date) from '
        ~ clientele.built('core', 'as_of') ~ ')'
    ).columns[0].values()[0] | int > 0) }}
{% endmacro %}


{% macro trials_of_fits(cards) %}
    {#- A CTE: fits that an experiment without an outcome tries, and whether it holds them (is_held): they score meanwhile. -#}
trials_of_fits as (
    select
        {{ cards }}.fit_number,
        max(case when trials.is_control = 1 or trials.model != {{ cards }}.model_version then 1 else 0 end) as is_held,
        max(trials.experiment) as experiment
    from {{ cards }}
    inner join trials
        on
            {{ cards }}.model_version = trials.model
            -- a head is named after its fit, which has to score for it
            or {{ cards }}.model_version = split_part(trials.model, '/', 1)
    group by {{ cards }}.fit_number
)
{% endmacro %}
