{#- Grain: one head for which seeds/head_measures.csv has a measure: how many customers it points at, what addressing
    them costs, and what that may be worth. Gains are the seed's, a hypothesis until an experiment has measured them:
    then the newest one that is over says them. Customers and chances in steps, as all published ones, and what follows
    is worked out from these. Late data: built whole in each run. -#}
{% set chance = 'coalesce(reached.chance, shop.order_chance)' %}

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
            as chance,
        {{ clientele.double('max(predictions.p_order_30d)') }} as largest_chance
    from {{ ref('customer_predictions') }} as predictions
    cross join usual
    where predictions.p_order_30d >= 2 * usual.chance
    union all
    select
        'category' as head,
        count(*) as n,
        null as chance,
        null as largest_chance
    from {{ ref('customer_family_propensities') }}
    where family_place = 1 and p_buy_30d is not null
    union all
    select
        'rebuy_product' as head,
        count(distinct user_sk) as n,
        null as chance,
        null as largest_chance
    from {{ ref('rebuy_scores') }}
    where item_level = 'product' and buys_again
    union all
    select
        'session' as head,
        count(distinct user_key) as n,
        null as chance,
        null as largest_chance
    from {{ ref('open_sessions') }}
    where risk_band = 'high'
    union all
    select
        'list_new' as head,
        count(distinct user_key) as n,
        null as chance,
        null as largest_chance
    from {{ ref('customer_recommendations') }}
    where kind = 'new'
),

stepped as (
    select
        reached.*,
        shop.order_value,
        {{ chance }} as told_chance,
        {{ clientele.round_number_above('greatest(' ~ clientele.cell_step() ~ ' * ' ~ chance
            ~ ', coalesce(reached.largest_chance, 1)) / nullif(reached.n, 0)') }} as chance_step
    from reached
    cross join shop
),

bases as (
    select
        measures.head,
        measures.measure,
        measures.aim_en,
        measures.aim_fr,
        stepped.n,
        {{ clientele.round_to_step('stepped.n', clientele.cell_step()) }} as n_double,
        stepped.order_value,
        stepped.chance_step,
        -- neither never nor always
        least(
            greatest(
                {{ clientele.round_to_step('stepped.told_chance', 'stepped.chance_step') }}, stepped.chance_step
            ),
            greatest(1 - stepped.chance_step, 0.5)
        ) as order_chance,
        measures.cost_share,
        measures.margin_share,
        coalesce(results.gain_low, measures.gain_low) as gain_low,
        coalesce(results.gain, measures.gain) as gain,
        coalesce(results.gain_high, measures.gain_high) as gain_high,
        results.gain is not null as is_measured
    from {{ ref('head_measures') }} as measures
    inner join stepped on measures.head = stepped.head
    left join {{ ref('experiment_gains') }} as results on measures.measure = results.playbook_measure
    where {{ clientele.is_publishable('stepped.n') }}
),

final as (
    select
        cast(head as varchar(32)) as head,
        cast(measure as varchar(32)) as measure,
        cast(aim_en as varchar(256)) as aim_en,
        cast(aim_fr as varchar(256)) as aim_fr,
        cast(n as bigint) as n_users,
        chance_step,
        {{ clientele.worth_columns() }}
    from bases
),

publishable as (
    {{ clientele.published_cells('final', keys=['head'], within=['head']) }}
)

select * from publishable
