{#- Grain: one persona (0: who has none yet), calendar month and family of products: how much more, or less, of what the
    persona buys in that month is of the family than over the year, and how much oftener it is bought below its usual
    price than by everybody in that month. A season is said where a whole year has been seen. Late data: built whole in
    each run. -#}
{% set by_everybody = 'over (partition by calendar_month, category_family)' %}

with

{{ clientele.purchase_ctes() }},

year_seen as (
    select coalesce({{ dbt.datediff('first_date', 'last_date', 'day') }} >= 365, false) as is_year_seen
    from {{ ref('as_of') }}
),

by_buyer as (
    select
        segment_id,
        cast(extract(month from month_date) as integer) as calendar_month,
        category_family,
        user_sk,
        count(*) as n_purchases,
        {{ clientele.double('sum(is_below)') }} as n_below
    from buyers
    group by segment_id, extract(month from month_date), category_family, user_sk
),

counted as (
    select by_buyer.*, {{ clientele.counted('n_purchases', 'purchases') }} as n_counted from by_buyer
),

cells as (
    select
        segment_id,
        calendar_month,
        category_family,
        count(*) as n_users,
        sum(n_counted) as n_purchases,
        {{ clientele.double('sum(' ~ clientele.exact('n_below * n_counted / n_purchases') ~ ')') }} as n_below,
        {{ clientele.double('max(n_below * n_counted / n_purchases)') }} as most_below
    from counted
    group by segment_id, calendar_month, category_family
),

wholes as (
    select
        cells.*,
        {% for name, keys in {
            'month': 'segment_id, calendar_month', 'family': 'segment_id, category_family', 'persona': 'segment_id',
        }.items() %}
        {{ clientele.double('sum(n_purchases) over (partition by ' ~ keys ~ ')') }} as n_of_{{ name }},
        {% endfor %}
        {{ clientele.double('sum(n_below) ' ~ by_everybody) }} as n_below_of_all,
        {{ clientele.double('sum(n_purchases) ' ~ by_everybody) }} as n_purchases_of_all
    from cells
),

final as (
    select
        wholes.segment_id,
        wholes.calendar_month,
        cast(wholes.category_family as varchar(256)) as category_family,
        cast(case when year_seen.is_year_seen then 'seen' else 'season not seen' end as varchar(16)) as season_status,
        cast(wholes.n_users as bigint) as n_users,
        cast(wholes.n_purchases as bigint) as n_purchases,
        cast({{ clientele.most_counted('purchases') }} as bigint) as largest_purchases,
        wholes.n_purchases / wholes.n_of_month as family_share,
        {{ clientele.double(clientele.most_counted('purchases')) }} / wholes.n_of_month as largest_share,
        case
            when year_seen.is_year_seen
                then (wholes.n_purchases / wholes.n_of_month) / (wholes.n_of_family / wholes.n_of_persona)
        end as season_index,
        wholes.n_below
        / nullif(wholes.n_below_of_all * wholes.n_purchases / wholes.n_purchases_of_all, 0) as promotion_index,
        wholes.most_below / nullif(wholes.n_below_of_all * wholes.n_purchases / wholes.n_purchases_of_all, 0)
            as largest_promotion
    from wholes
    cross join year_seen
),

publishable as (
    {{ clientele.published_cells(
        'final', keys=['segment_id', 'calendar_month', 'category_family'], within=['segment_id', 'calendar_month']
    ) }}
)

select * from publishable
