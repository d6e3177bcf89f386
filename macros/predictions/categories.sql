{#- Category families that a customer may buy from: what is known of a customer and a family, and the one pooled model. -#}

{% macro category_user_features() %}
    {#- What the pooled model reads of the customer. -#}
    {{ return([
        'recency_ln', 'order_recency_ln', 'cart_recency_ln', 'overdue_ln', 'orders_ln', 'orders_30d_ln', 'sessions_7d_ln',
        'sessions_30d_ln', 'events_30d_ln', 'carts_30d_ln', 'conversion_logit', 'tenure_ln', 'spend_90d_ln',
    ]) }}
{% endmacro %}


{% macro category_family_features() %}
    {#- What it reads of the customer and the family. -#}
    {{ return([
        'family_events_ln', 'family_events_30d_ln', 'family_carts_ln', 'family_purchases_ln', 'family_recency_ln',
        'family_order_recency_ln', 'family_share', 'family_price', 'family_popularity_ln',
    ]) }}
{% endmacro %}


{% macro category_cell_heads() %}
    {#- The heuristic's outputs: a rate for each family. -#}
    {%- set heads = [] -%}
    {%- for rank in range(1, clientele.n_prediction_families() + 1) -%}{%- do heads.append('category_' ~ rank) -%}{%- endfor -%}
    {{ return(heads) }}
{% endmacro %}


{% macro stranger() -%}
    {#- The user_sk of a customer who has done nothing with a family: no hash is below 0. -#}
    -1
{%- endmacro %}


{% macro family_feature_ctes(pairs, history) %}
    {#- CTEs that end in `family_known`: the features of each row of `pairs` (user_sk, days_back, origin_date, family_rank).
        `history`: a CTE with rows of family_history. Popularity counts buyers of the thirty days before the origin. -#}
    {%- set never = 400 -%}
family_totals as (
    select
        user_sk,
        days_back,
        sum(n_events) as n_events
    from {{ history }}
    group by user_sk, days_back
),

family_buyers as (
    select
        days_back,
        family_rank,
        {{ clientele.double('sum(case when last_purchase_date >= ' ~ dbt.dateadd('day', -30, 'origin_date') ~ ' then 1 else 0 end)') }}
            as n_buyers
    from {{ history }}
    where family_rank > 0
    group by days_back, family_rank
),

family_popularity as (
    select
        days_back,
        family_rank,
        n_buyers,
        ln((n_buyers + 0.5e0) / (sum(n_buyers) over (partition by days_back) + 1)) as popularity_ln
    from family_buyers
),

family_known as (
    select
        pairs.user_sk,
        pairs.days_back,
        pairs.family_rank,
        ln(1 + coalesce(own.n_events, 0)) as family_events_ln,
        ln(1 + coalesce(own.n_events_30d, 0)) as family_events_30d_ln,
        ln(1 + coalesce(own.n_carts, 0)) as family_carts_ln,
        ln(1 + coalesce(own.n_purchases, 0)) as family_purchases_ln,
        {% for column, name in {'last_date': 'family_recency_ln', 'last_purchase_date': 'family_order_recency_ln'}.items() -%}
        ln(1 + coalesce({{ clientele.double(dbt.datediff('own.' ~ column, 'pairs.origin_date', 'day')) }}, {{ never }}))
            as {{ name }},
        {% endfor -%}
        coalesce(own.n_events / nullif(family_totals.n_events, 0), 0) as family_share,
        coalesce(own.sum_price_z / (own.n_events + 5), 0) as family_price,
        -- a family that nobody had looked at by then
        coalesce(family_popularity.popularity_ln, -9e0) as family_popularity_ln
    from {{ pairs }} as pairs
    left join {{ history }} as own
        on
            pairs.user_sk = own.user_sk and pairs.days_back = own.days_back and pairs.family_rank = own.family_rank
    left join family_totals on pairs.user_sk = family_totals.user_sk and pairs.days_back = family_totals.days_back
    left join family_popularity
        on pairs.days_back = family_popularity.days_back and pairs.family_rank = family_popularity.family_rank
)
{%- endmacro %}


{% macro family_candidate_ctes() %}
    {#- CTEs that end in `chosen`: customer and family with their chance, by place; from the CTEs of core.family_scores. The
        model scores the customer's own families, and as a stranger's as many others as may be among the best three.
        `known_as`: under whom the family's score stands. The heuristic scores families that are not thin. -#}
    {%- set heads = clientele.category_cell_heads() -%}
own_counts as (
    select
        user_sk,
        count(*) as n_own
    from of_family_scores
    where user_sk != {{ clientele.stranger() }}
    group by user_sk
),

others as (
    select
        family_rank,
        score_1,
        row_number() over (order by score_1 desc nulls last, family_rank asc) as place
    from of_family_scores
    where user_sk = {{ clientele.stranger() }}
),

modelled as (
    select
        user_sk,
        family_rank,
        user_sk as known_as,
        score_1
    from of_family_scores
    where user_sk != {{ clientele.stranger() }}
    union all
    select
        of_user_scores.user_sk,
        others.family_rank,
        {{ clientele.stranger() }} as known_as,
        others.score_1
    from of_user_scores
    left join own_counts on of_user_scores.user_sk = own_counts.user_sk
    inner join others on others.place <= 3 + coalesce(own_counts.n_own, 0)
    left join of_family_scores as own
        on of_user_scores.user_sk = own.user_sk and others.family_rank = own.family_rank
    where own.user_sk is null
),

chances as (
    select
        modelled.user_sk,
        modelled.family_rank,
        modelled.known_as,
        {{ clientele.linear_link('(of_user_scores.score_1 + modelled.score_1)', 'logit') }} as chance
    from modelled
    inner join of_user_scores on modelled.user_sk = of_user_scores.user_sk
    cross join head
    where head.scored_by = 'model'
    {% for name in heads -%}
    union all
    select
        heuristics.user_sk,
        {{ loop.index }} as family_rank,
        {{ clientele.stranger() }} as known_as,
        heuristics.{{ name }} as chance
    from heuristics
    cross join head
    where
        head.scored_by = 'cells' and heuristics.{{ name }} is not null
        and {{ loop.index }} not in (select thin.family_rank from thin)
    {% endfor %}
),

chosen as (
    select
        chances.*,
        row_number() over (
            partition by user_sk order by round(chance, 9) desc nulls last, family_rank asc
        ) as place
    from chances
)
{%- endmacro %}
