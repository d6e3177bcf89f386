{#- Grain: one customer who may be profiled and category family, for the three families that the customer most
    likely buys from within thirty days: the chance and what moves it, whole digits. Empty where the head was
    refused. Built whole: the chances move with as_of. -#}
{% set families = clientele.n_prediction_families() %}
{% set features = clientele.category_family_features() %}
{% set pair = ['user_sk', 'family_rank'] %}

with

head as (
    select
        max(scored_by) as scored_by,
        max(model_version) as model_version
    from {{ ref('prediction_heads') }}
    where head = 'category' and scored_by in ('model', 'cells')
),

fitted as (
    select * from {{ ref('prediction_weights') }}
),

user_weights as (
    select * from fitted
    where
        output = 'category' and row_kind = 'weight' and feature not in ('{{ features | join("', '") }}')
),

-- the intercept is the customer's
family_weights as (
    select * from fitted
    where
        output = 'category' and row_kind = 'weight' and feature in ('{{ features | join("', '") }}')
),

customers as (
    select prediction_features.*
    from {{ ref('prediction_features') }} as prediction_features
    cross join head
    where head.scored_by is not null
),

history as (
    select * from {{ ref('family_features') }}
),

pairs as (
    select user_sk, days_back, origin_date, family_rank
    from history
    where family_rank > 0
    union all
    select
        {{ clientele.stranger() }} as user_sk,
        0 as days_back,
        cast({{ dbt.dateadd('day', 1, 'prediction_request.as_of_date') }} as date) as origin_date,
        family_prices.family_rank
    from {{ ref('prediction_request') }} as prediction_request
    inner join {{ ref('family_prices') }} as family_prices on family_prices.family_rank <= {{ families }}
),

{{ clientele.family_feature_ctes('pairs', 'history') }},

{{ clientele.linear_score_ctes(
    'customers', 'user_weights', clientele.category_user_features(), ['category'], pieces=4, name='of_user'
) }},

{{ clientele.linear_score_ctes(
    'family_known', 'family_weights', features, ['category'], key=pair, pieces=4, name='of_family'
) }},

{{ clientele.reason_ctes('of_family_scores', 'of_family_weights', features, 1, key=pair) }},

{{ clientele.heuristic_ctes('customers', 'fitted', clientele.category_cell_heads()) }},

thin as (
    select cast(substring(output, 10, 8) as integer) as family_rank
    from fitted
    where row_kind = 'parameter' and feature = 'n_buyers' and weight < 20
),

{{ clientele.family_candidate_ctes() }},

final as (
    select
        chosen.user_sk,
        cast(chosen.place as integer) as family_place,
        cast(chosen.family_rank as integer) as family_rank,
        chosen.chance as p_buy_30d,
        cast(head.scored_by as varchar(16)) as propensity_source,
        thin.family_rank is not null as is_thin,
        {% for place, name in [(1, 'first'), (2, 'second')] %}
        {% for part, length in [('feature', 32), ('direction', 8)] %}
        cast(case when head.scored_by = 'model' then told.{{ name }}_{{ part }} end as varchar({{ length }}))
            as reason_{{ place }}_{{ part }},
        {% endfor %}
        {% endfor %}
        cast(head.model_version as varchar(64)) as model_version
    from chosen
    cross join head
    left join thin on chosen.family_rank = thin.family_rank
    left join told on chosen.known_as = told.user_sk and chosen.family_rank = told.family_rank
    where chosen.place <= 3
)

select * from final
