{#- Grain: one fit and length of history: how well a persona is known after so many events, and which length was chosen.
    A model without a study has one row, the assumed length. Coverage is of everybody in this build; all else was
    measured once, when the model was new. -#}
{% set metrics = ['kappa', 'kappa_centroids', 'kappa_early', 'kappa_gain', 'kappa_later', 'ari'] %}

with

models as (
    select fit_number, model_version, is_champion from {{ ref('segment_models') }} where n_segments > 0
),

choices as (
    {{ clientele.fit_part(ref('persona_study_fields'), 'choice', clientele.choice_fields()) }}
),

study_ceilings as (
    {{ clientele.fit_part(ref('persona_study_fields'), 'ceiling', {
        'metric': 'varchar(256)', 'value': 'double precision'
    }) }}
),

study_recalls as (
    {{ clientele.fit_part(ref('persona_study_fields'), 'recall', {
        'n_events': 'bigint', 'value': 'double precision'
    }) }}
),

study_lengths as (
    {{ clientele.fit_part(ref('persona_study_fields'), 'length', {
        'n_events': 'bigint',
        'metric': 'varchar(256)',
        'value': 'double precision',
        'low': 'double precision',
        'high': 'double precision',
        'n_users': 'bigint',
    }) }}
),

ceilings as (
    select
        fit_number,
        max(value) as kappa_ceiling,
        {% for metric in ['odd_even', 'earlier_later'] -%}
        max(case when metric = '{{ metric }}' then value end) as kappa_{{ metric }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from study_ceilings
    group by fit_number
),

recalls as (
    select
        fit_number,
        n_events,
        min(value) as min_recall
    from study_recalls
    group by fit_number, n_events
),

lengths as (
    select
        fit_number,
        n_events,
        {% for metric in metrics -%}
        max(case when metric = '{{ metric }}' then value end) as {{ metric }},
        max(case when metric = '{{ metric }}' then low end) as {{ metric }}_low,
        max(case when metric = '{{ metric }}' then high end) as {{ metric }}_high,
        {% endfor -%}
        max(n_users) as n_users
    from study_lengths
    group by fit_number, n_events
),

all_lengths as (
    {% for length in clientele.history_lengths() -%}
    select cast({{ length }} as bigint) as n_events
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

users_by_events as (
    select
        n_events,
        {{ clientele.double('count(*)') }} as n_users,
        {{ clientele.double('sum(revenue)') }} as revenue
    from {{ ref('user_feature_values') }}
    group by n_events
),

everybody as (
    select
        sum(n_users) as n_users,
        sum(revenue) as revenue
    from users_by_events
),

coverage as (
    select
        all_lengths.n_events,
        sum(users_by_events.n_users) / max(everybody.n_users) as user_coverage,
        sum(users_by_events.revenue) / nullif(max(everybody.revenue), 0) as revenue_coverage
    from all_lengths
    inner join users_by_events on all_lengths.n_events <= users_by_events.n_events
    cross join everybody
    group by all_lengths.n_events
),

final as (
    select
        models.fit_number,
        models.model_version,
        models.is_champion,
        coalesce(lengths.n_events, {{ clientele.assumed_min_events() }}) as n_events,
        coalesce(lengths.n_users, 0) as n_users,
        cast(
            case when lengths.n_events < choices.early_below_events then 'early_classifier' else 'centroids' end
            as varchar(16)
        ) as scored_by,
        {% for metric in metrics -%}
        lengths.{{ metric }},
        lengths.{{ metric }}_low,
        lengths.{{ metric }}_high,
        {% endfor -%}
        recalls.min_recall,
        ceilings.kappa_odd_even,
        ceilings.kappa_earlier_later,
        ceilings.kappa_ceiling,
        choices.kappa_bar,
        cast(choices.mature_events as integer) as mature_events,
        choices.calibration_error,
        coverage.user_coverage,
        coverage.revenue_coverage,
        lengths.n_events is null or lengths.n_events = choices.min_events as is_chosen,
        cast(
            case
                when lengths.n_events is null then 'assumed'
                when lengths.kappa_low >= choices.kappa_bar then 'reaches the bar'
                else 'below the bar'
            end as varchar(16)
        ) as verdict
    from models
    left join choices on models.fit_number = choices.fit_number
    left join ceilings on models.fit_number = ceilings.fit_number
    left join lengths on models.fit_number = lengths.fit_number
    left join recalls on lengths.fit_number = recalls.fit_number and lengths.n_events = recalls.n_events
    left join coverage on coalesce(lengths.n_events, {{ clientele.assumed_min_events() }}) = coverage.n_events
)

select * from final
