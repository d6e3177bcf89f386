{#- Grain: one figure of what the champion's personas rest on: its card, the gate, the threshold, the calibration of
    confidence. From monitor, so that readers of marts can judge. Late data: built whole in each run. -#}

with

champion as (
    select fit_number, model_version, model_status, n_segments, n_users, n_features
    from {{ ref('segment_models') }}
    where is_champion
),

figures as (
    {% for item in ['n_segments', 'n_users', 'n_features'] %}
    select
        'model' as topic,
        '{{ item }}' as item,
        {{ loop.index }} as item_position,
        {{ clientele.round_to_step(item, clientele.cell_step()) if item == 'n_users' else clientele.double(item) }}
            as value,  -- noqa: RF04
        cast(null as double precision) as low,
        cast(null as double precision) as bar,
        model_status as verdict
    from champion
    union all
    {% endfor %}
    select
        'gate' as topic,
        gates.criterion as item,
        gates.criterion_position as item_position,
        gates.value,
        gates.ci_lo as low,
        gates.bar,
        gates.verdict
    from {{ ref('segment_gates') }} as gates
    inner join champion on gates.fit_number = champion.fit_number
    union all
    select
        'threshold' as topic,
        case when thresholds.is_chosen then 'chosen' else 'events' end as item,
        cast(thresholds.n_events as integer) as item_position,
        thresholds.kappa as value,  -- noqa: RF04
        thresholds.kappa_low as low,
        thresholds.kappa_bar as bar,
        thresholds.verdict
    from {{ ref('event_threshold') }} as thresholds
    where thresholds.is_champion and {{ clientele.is_publishable('thresholds.n_users') }}
    union all
    select
        'calibration' as topic,
        'decile' as item,
        calibration.decile as item_position,
        calibration.kept_share as value,  -- noqa: RF04
        calibration.mean_confidence as low,
        cast(null as double precision) as bar,
        'reported' as verdict
    from {{ ref('confidence_calibration') }} as calibration
    inner join champion on calibration.fit_number = champion.fit_number
    where {{ clientele.is_publishable('calibration.n_users') }}
),

final as (
    select
        cast(champion.model_version as varchar(32)) as model_version,
        cast(figures.topic as varchar(16)) as topic,
        cast(figures.item as varchar(32)) as item,
        cast(figures.item_position as integer) as item_position,
        -- hundredths: no customer can be told from them; what misses a bar by less is not shown to reach it; bars are
        -- settings
        cast(
            case when figures.topic = 'gate' then floor(figures.value * 100) / 100 else round(figures.value, 2) end
            as double precision
        ) as figure,
        cast(round(figures.low, 2) as double precision) as low,
        cast(round(figures.bar, 3) as double precision) as bar,
        cast(figures.verdict as varchar(32)) as verdict
    from figures
    cross join champion
)

select * from final
