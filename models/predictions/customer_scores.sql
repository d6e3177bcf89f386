{#- Grain: one customer who may be profiled: what the heads say, as of the build, whole digits. A head that was refused
    is empty; where a heuristic scores, what it says stands in the same column. -#}
{% set horizons = clientele.prediction_horizons() %}

with

features as (
    select * from {{ ref('prediction_features') }}
),

fitted as (
    select * from {{ ref('prediction_weights') }}
),

weights as (
    select * from fitted
    where row_kind = 'weight' and output in ('{{ clientele.order_heads() | join("', '") }}')
),

{{ clientele.linear_score_ctes(
    'features', 'weights', clientele.prediction_features(), clientele.order_heads(), pieces=4
) }},

{{ clientele.heuristic_ctes('features', 'fitted') }},

{{ clientele.reason_ctes(
    'linear_scores', 'linear_weights', clientele.prediction_features(), clientele.order_heads().index('order_30d') + 1
) }},

parameters as (
    select
        {% for days in [30, 90] %}
        {% for item in ['smearing', 'order_value', 'last_spend_factor', 'level'] %}
        max(case when output = 'spend_{{ days }}d' and feature = '{{ item }}' then weight end)
            as {{ item }}_{{ days }}d,
        {% endfor %}
        {% endfor %}
        count(*) as n_parameters
    from fitted
    where row_kind = 'parameter'
),

sources as (
    select
        {% for head in clientele.order_heads() %}
        max(case when head = '{{ head }}' then scored_by end) as {{ head }},
        {% endfor %}
        max(model_version) as model_version
    from {{ ref('prediction_heads') }}
),

scored as (
    select
        features.user_sk,
        {% for horizon in horizons %}
        {{ clientele.linear_link('linear_scores.score_' ~ loop.index, 'logit') }} as model_{{ horizon }},
        case
            when sources.order_{{ horizon }}d = 'model'
                then {{ clientele.linear_link('linear_scores.score_' ~ loop.index, 'logit') }}
            when sources.order_{{ horizon }}d = 'cells' then heuristics.order_{{ horizon }}d
        end as p_{{ horizon }},
        {% endfor %}
        -- what the other of model and heuristic says
        case sources.order_30d
            when 'model' then heuristics.order_30d
            when 'cells' then {{ clientele.linear_link('linear_scores.score_' ~ (horizons.index(30) + 1), 'logit') }}
        end as shadow_30,
        {% for days in [30, 90] %}
        {{ clientele.linear_link('linear_scores.score_' ~ (5 + loop.index), 'exp') }}
        * parameters.smearing_{{ days }}d - 1 as amount_{{ days }},
        heuristics.spend_{{ days }}d * greatest(
            ((exp(features.order_value_ln) - 1) * features.n_orders + parameters.order_value_{{ days }}d)
            / (features.n_orders + 1), 1e-9
        ) as cells_spend_{{ days }},
        features.revenue_{{ days }}d * parameters.last_spend_factor_{{ days }}d as last_spend_{{ days }},
        parameters.level_{{ days }}d,
        sources.spend_{{ days }}d as spend_source_{{ days }}d,
        {% endfor %}
        sources.order_7d as order_source_7d,
        sources.order_30d as order_source_30d,
        sources.order_90d as order_source_90d,
        sources.model_version
    from features
    cross join parameters
    cross join sources
    left join heuristics on features.user_sk = heuristics.user_sk
    left join linear_scores on features.user_sk = linear_scores.user_sk
),

chances as (
    select
        scored.*,
        {% for horizon in horizons %}
        {{ clientele.monotone_chance(horizon) }} as chance_{{ horizon }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from scored
),

final as (
    select
        chances.user_sk,
        {% for horizon in horizons %}
        chances.chance_{{ horizon }} as p_order_{{ horizon }}d,
        {% endfor %}
        chances.shadow_30 as shadow_p_order_30d,
        {% for place, share in [(10, '0.1e0'), (50, '0.5e0'), (90, '0.9e0')] %}
        {{ clientele.day_of_share(share) }} as days_to_order_p{{ place }},
        {% endfor %}
        cast(case
            {% for horizon in horizons | reverse %}
            when chance_{{ horizon }} is not null then {{ horizon }}
            {% endfor %}
        end as integer) as days_known,
        {% for days in [30, 90] %}
        case chances.spend_source_{{ days }}d
            when 'model' then chances.model_{{ days }} * greatest(chances.amount_{{ days }}, 0e0)
            when 'cells' then chances.cells_spend_{{ days }}
            when 'last_spend' then chances.last_spend_{{ days }}
        end as expected_spend_{{ days }}d,
        chances.level_{{ days }}d as spend_level_factor_{{ days }}d,
        cast(chances.spend_source_{{ days }}d as varchar(16)) as spend_source_{{ days }}d,
        {% endfor %}
        {% for days in [7, 30, 90] %}
        cast(chances.order_source_{{ days }}d as varchar(16)) as order_source_{{ days }}d,
        {% endfor %}
        {% for place, name in [(1, 'first'), (2, 'second')] %}
        {% for part, length in [('feature', 32), ('direction', 8)] %}
        cast(
            case when chances.order_source_30d = 'model' then told.{{ name }}_{{ part }} end as varchar({{ length }})
        ) as reason_{{ place }}_{{ part }},
        {% endfor %}
        {% endfor %}
        cast(chances.model_version as varchar(64)) as model_version
    from chances
    left join told on chances.user_sk = told.user_sk
)

select * from final
