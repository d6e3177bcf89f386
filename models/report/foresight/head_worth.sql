{#- Grain: one head for which seeds/head_measures.csv has a measure: how many customers it points at, what addressing
    them costs, and what that may be worth. Gains are the seed's, a hypothesis until an experiment has measured them:
    then the newest one that is over says them. Customers in steps, as all published sizes. Late data: built whole in
    each run. -#}

with

shop as (
    select
        {{ clientele.double('revenue') }} / nullif(n_orders, 0) as order_value,
        order_chance
    from {{ ref('shop_states') }}
    where dimension = 'all'
),

usual as (
    select avg({{ clientele.double('p_order_30d') }}) as chance from {{ ref('customer_predictions') }}
),

reached as (
    select
        'order_30d' as head,
        count(*) as n,
        {{ clientele.double('sum(' ~ clientele.exact('predictions.p_order_30d') ~ ')') }} / nullif(count(*), 0)
            as chance
    from {{ ref('customer_predictions') }} as predictions
    cross join usual
    where predictions.p_order_30d >= 2 * usual.chance
    union all
    select
        'category' as head,
        count(*) as n,
        null as chance
    from {{ ref('customer_family_propensities') }}
    where family_place = 1 and p_buy_30d is not null
    union all
    select
        'rebuy_product' as head,
        count(distinct user_sk) as n,
        null as chance
    from {{ ref('rebuy_scores') }}
    where item_level = 'product' and buys_again
    union all
    select
        'session' as head,
        count(distinct user_key) as n,
        null as chance
    from {{ ref('open_sessions') }}
    where risk_band = 'high'
    union all
    select
        'list_new' as head,
        count(distinct user_key) as n,
        null as chance
    from {{ ref('customer_recommendations') }}
    where kind = 'new'
),

bases as (
    select
        measures.head,
        measures.measure,
        measures.aim_en,
        measures.aim_fr,
        {{ clientele.round_to_step('reached.n', clientele.cell_step()) }} as n_double,
        shop.order_value,
        least(greatest(coalesce(reached.chance, shop.order_chance), 0.001), 0.999) as order_chance,
        measures.cost_share,
        measures.margin_share,
        coalesce(results.gain_low, measures.gain_low) as gain_low,
        coalesce(results.gain, measures.gain) as gain,
        coalesce(results.gain_high, measures.gain_high) as gain_high,
        results.gain is not null as is_measured
    from {{ ref('head_measures') }} as measures
    inner join reached on measures.head = reached.head
    left join {{ ref('experiment_gains') }} as results on measures.measure = results.playbook_measure
    cross join shop
    where {{ clientele.is_publishable('reached.n') }}
),

final as (
    select
        cast(head as varchar(32)) as head,
        cast(measure as varchar(32)) as measure,
        cast(aim_en as varchar(256)) as aim_en,
        cast(aim_fr as varchar(256)) as aim_fr,
        cast(n_double as bigint) as n_users,
        {{ clientele.worth_columns() }}
    from bases
)

select * from final
