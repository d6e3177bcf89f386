{#- Grain: one figure of one head: what scores it (verdict), or how good its model was beside the rule that it has to
    beat, out of time (quality). From monitor, of the fits that score, to hundredths as persona_evidence. Late data:
    built whole in each run. -#}
{% set metrics = ['auc', 'gini', 'concordance', 'f1', 'ece', 'slope'] %}

with

heads as (
    select head, fit_number, scored_by from {{ ref('prediction_heads') }}
    -- between the horizons that are told, these bend the curve of days to an order
    where head not in ('order_14d', 'order_60d')
    union all
    select 'session' as head, fit_number, scored_by from {{ ref('session_model') }}
),

evaluations as (
    select head, fit_number, model, compared_with, origin, metric, value, ci_lo, n_users
    from {{ ref('prediction_evaluations') }}
    union all
    select head, fit_number, model, compared_with, origin, metric, value, ci_lo, n_users
    from {{ ref('session_evaluations') }}
),

judged as (
    select
        heads.head,
        evaluations.metric,
        max(case when evaluations.model = 'model' and evaluations.compared_with = '' then evaluations.value end)
            as figure,
        max(case when evaluations.model = 'cells' and evaluations.compared_with = '' then evaluations.value end)
            as rule_figure,
        max(case when evaluations.model = 'model' and evaluations.compared_with = 'cells' then evaluations.ci_lo end)
            as gain_low
    from heads
    inner join evaluations on heads.head = evaluations.head and heads.fit_number = evaluations.fit_number
    where
        evaluations.origin = 'all'
        and evaluations.metric in ('{{ metrics | join("', '") }}')
        and {{ clientele.is_publishable('evaluations.n_users') }}
    group by heads.head, evaluations.metric
),

lists as (
    select
        hits.kind,
        hits.list_source,
        sum(hits.n_buyers) as n_buyers,
        sum(hits.buyer_hit_rate * hits.n_buyers) / nullif(sum(hits.n_buyers), 0) as of_buyers,
        sum(hits.hit_rate * hits.n_users) / nullif(sum(hits.n_users), 0) as of_all
    from {{ ref('recommendation_hits') }} as hits
    group by hits.kind, hits.list_source
),

-- as of the build: a later one is kept, and is not yet known
newest_forecast as (
    select max(evaluations.fit_number) as fit_number
    from {{ ref('forecast_evaluations') }} as evaluations
    cross join {{ ref('as_of') }} as moment
    where evaluations.origin_date <= cast(moment.as_of_at as date)
),

forecasts as (
    select evaluations.*
    from {{ ref('forecast_evaluations') }} as evaluations
    inner join newest_forecast on evaluations.fit_number = newest_forecast.fit_number
    where evaluations.category_family = ''
),

-- what scores
sources as (
    select head, scored_by from heads
    union all
    select 'forecast_' || measure as head, forecast_source as scored_by from forecasts
    union all
    select 'list_new' as head, new_source as scored_by from {{ ref('recommendation_gate') }}
    where new_source is not null
    union all
    select 'list_again' as head, 'own_history' as scored_by from lists
    where kind = 'again' and list_source = 'published'
),

-- how good the model was
measured as (
    select head, metric, figure, rule_figure, gain_low from judged
    union all
    select
        'forecast_' || measure as head,
        'wape' as metric,
        wape as figure,
        wape_rule as rule_figure,
        gain_lo as gain_low
    from forecasts
    union all
    select
        'forecast_' || measure as head,
        'coverage_80' as metric,
        coverage_80 as figure,
        cast(null as double precision) as rule_figure,
        cast(null as double precision) as gain_low
    from forecasts
    union all
    select
        'list_' || lists.kind as head,
        'hit_rate' as metric,
        case when lists.kind = 'new' then lists.of_all else lists.of_buyers end as figure,
        case when lists.kind = 'new' then rules.of_all else rules.of_buyers end as rule_figure,
        cast(null as double precision) as gain_low
    from lists
    inner join lists as rules
        on
            lists.kind = rules.kind
            and rules.list_source = case when lists.kind = 'new' then 'popular' else 'own_history' end
    where
        lists.list_source = case when lists.kind = 'new' then 'neighbours' else 'published' end
        and {{ clientele.is_publishable('lists.n_buyers') }}
),

figures as (
    select
        head,
        'verdict' as topic,
        'source' as item,
        cast(null as double precision) as figure,
        cast(null as double precision) as rule_figure,
        cast(null as double precision) as gain_low,
        scored_by as verdict
    from sources
    union all
    select head, 'quality' as topic, metric as item, figure, rule_figure, gain_low, 'reported' as verdict
    from measured
    where figure is not null
),

final as (
    select
        cast(head as varchar(32)) as head,
        cast(topic as varchar(16)) as topic,
        cast(item as varchar(32)) as item,
        cast(round(figure, 2) as double precision) as figure,
        cast(round(rule_figure, 2) as double precision) as rule_figure,
        cast(round(gain_low, 2) as double precision) as gain_low,
        cast(verdict as varchar(16)) as verdict
    from figures
)

select * from final
