{#- Grain: one brand or category, and period: the whole of the last 365 days, and its early and late half. At most 3,000
    of a kind, those that most customers met. Empty unless a fit is due. Late data: built whole in each run. -#}
{% set shares = {
    'cart': ('n_carts', 'n_events'), 'purchase': ('n_purchases', 'n_events'),
    'repeat': ('n_repeaters', 'n_buyers'), 'weekend': ('n_weekend', 'n_events')
} %}
{% set ln_price = clientele.exact('ln(' ~ clientele.double('human_events.price') ~ ')') %}

with

{{ clientele.human_event_ctes() }},

request as (
    select * from {{ ref('item_request') }} where is_due and items = 'on'
),

met as (
    select
        human_events.user_sk,
        human_events.product_id,
        cast({{ clientele.local_time('human_events.event_at') }} as date) as local_date,
        human_events.event_type,
        case when human_events.price > 0 then {{ ln_price }} end as ln_price
    from human_events
    cross join request
    where
        {{ clientele.as_flag('human_events.event_at > ' ~ dbt.dateadd('day', -365, 'request.as_of_date')) }}
        and {{ clientele.may_be_profiled('human_events.user_sk') }}
),

{{ clientele.item_period_ctes('met') }},

priors as (
    select
        item_kind,
        period,
        {% for name, (part, whole) in shares.items() %}
        1e0 * sum({{ part }}) / nullif(sum({{ whole }}), 0) as {{ name }}_share{% if not loop.last %},{% endif %}
        {% endfor %}
    from counted
    group by item_kind, period
),

final as (
    select
        counted.item_kind,
        cast(counted.item as varchar(256)) as item,
        counted.period,
        cast(counted.n_customers as bigint) as n_customers,
        ln({{ clientele.double('counted.n_customers') }}) as customers_ln,
        ln({{ clientele.double('counted.n_events') }} / counted.n_customers) as events_per_customer_ln,
        -- an item of few events has the share of all items
        {% for name, (part, whole) in shares.items() %}
        {% set share = 'coalesce(priors.' ~ name ~ '_share, 0)' %}
        {% set hits, misses = '20 * ' ~ share ~ ' + 0.5', '20 - 20 * ' ~ share ~ ' + 0.5' %}
        {{ clientele.share_logit('counted.' ~ part, 'counted.' ~ whole, hits, misses) }} as {{ name }}_logit,
        {% endfor %}
        coalesce({{ clientele.double('counted.sum_ln_price') }} / nullif(counted.n_prices, 0), 0) as price_ln,
        cast(main_words.category_family as varchar(256)) as main_family,
        cast(main_words.price_tier as varchar(16)) as price_tier
    from counted
    inner join priors on counted.item_kind = priors.item_kind and counted.period = priors.period
    inner join largest on counted.item_kind = largest.item_kind and counted.item = largest.item
    inner join main_words on counted.item_kind = main_words.item_kind and counted.item = main_words.item
    where largest.place <= 3000 and largest.n_customers >= {{ clientele.least_item_customers() }}
)

select * from final
