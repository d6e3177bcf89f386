{#- Grain: one customer who may be profiled and item of the last order: the chance that it is bought again within
    thirty days, whole digits, whether that is said, and what moves it. Empty chances where the head was refused.
    Built whole: the chances move with as_of. -#}
{% set features = clientele.rebuy_features() %}
{% set item = ['user_sk', 'item_level', 'item_id'] %}

with

items as (
    select * from {{ ref('rebuy_features') }}
),

fitted as (
    select * from {{ ref('prediction_weights') }}
),

weights as (
    select * from fitted
    where row_kind = 'weight' and output = 'rebuy'
),

{{ clientele.linear_score_ctes('items', 'weights', features, ['rebuy'], key=item, pieces=4) }},

{{ clientele.heuristic_ctes(
    'items', 'fitted', clientele.rebuy_heads(), ['item_days_ln', 'rebuy_recency_ln', 'rebuy_orders_ln'], item
) }},

{{ clientele.reason_ctes('linear_scores', 'linear_weights', features, 1, key=item) }},

heads as (
    select
        substring(head, 7, 8) as item_level,
        scored_by,
        model_version
    from {{ ref('prediction_heads') }}
    where head in ('{{ clientele.rebuy_heads() | join("', '") }}')
),

thresholds as (
    select
        substring(output, 7, 8) as item_level,
        max(case when feature = 'threshold' then weight end) as threshold
    from fitted
    where row_kind = 'parameter' and output in ('{{ clientele.rebuy_heads() | join("', '") }}')
    group by output
),

chances as (
    select
        items.user_sk,
        items.item_level,
        items.item_id,
        heads.scored_by,
        heads.model_version,
        thresholds.threshold,
        case
            when heads.scored_by = 'model' then {{ clientele.linear_link('linear_scores.score_1', 'logit') }}
            {% for level in clientele.rebuy_levels() %}
            when heads.scored_by = 'cells' and items.item_level = '{{ level }}' then heuristics.rebuy_{{ level }}
            {% endfor %}
        end as p_again_30d
    from items
    left join heads on items.item_level = heads.item_level
    left join thresholds on items.item_level = thresholds.item_level
    left join linear_scores
        on
            items.user_sk = linear_scores.user_sk
            and items.item_level = linear_scores.item_level
            and items.item_id = linear_scores.item_id
    left join heuristics
        on
            items.user_sk = heuristics.user_sk
            and items.item_level = heuristics.item_level
            and items.item_id = heuristics.item_id
),

final as (
    select
        chances.user_sk,
        chances.item_level,
        chances.item_id,
        chances.p_again_30d,
        -- floats of two engines may differ in the last digit, the decision must not
        round(chances.p_again_30d, 9) >= round(chances.threshold, 9) as buys_again,
        cast(case when chances.p_again_30d is not null then chances.scored_by end as varchar(16)) as rebuy_source,
        {% for place, name in [(1, 'first'), (2, 'second')] %}
        {% for part, length in [('feature', 32), ('direction', 8)] %}
        cast(case when chances.scored_by = 'model' then told.{{ name }}_{{ part }} end as varchar({{ length }}))
            as reason_{{ place }}_{{ part }},
        {% endfor %}
        {% endfor %}
        cast(chances.model_version as varchar(64)) as model_version
    from chances
    left join told
        on
            chances.user_sk = told.user_sk
            and chances.item_level = told.item_level
            and chances.item_id = told.item_id
)

select * from final
