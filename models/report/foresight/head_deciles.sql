{#- Grain: one tenth of the tested customers of one head of orders, by their chance: what was said to come beside what
    came, and how often that is the usual share. A customer who was tested on several days counts once. Late data:
    built whole in each run. -#}

with

heads as (
    select head, fit_number from {{ ref('prediction_heads') }}
    where head in ('order_7d', 'order_30d', 'order_90d')
),

days as (
    select
        evaluations.head,
        evaluations.fit_number,
        count(distinct evaluations.origin) as n_days
    from {{ ref('prediction_evaluations') }} as evaluations
    where evaluations.origin != 'all'
    group by evaluations.head, evaluations.fit_number
),

tenths as (
    select
        calibration.*,
        days.n_days,
        sum(calibration.observed * calibration.n_users) over (partition by calibration.head)
        / sum(calibration.n_users) over (partition by calibration.head) as usual
    from {{ ref('prediction_calibration') }} as calibration
    inner join heads on calibration.head = heads.head and calibration.fit_number = heads.fit_number
    inner join days on calibration.head = days.head and calibration.fit_number = days.fit_number
),

final as (
    select
        cast(head as varchar(32)) as head,
        cast(decile as integer) as decile,
        cast(floor({{ clientele.double('n_users') }} / n_days) as bigint) as n_users,
        cast(floor({{ clientele.double('n_users') }} * observed / n_days) as bigint) as n_buyers,
        cast(predicted as double precision) as told_share,
        cast(observed as double precision) as came_share,
        cast(ci_lo as double precision) as came_low,
        cast(ci_hi as double precision) as came_high,
        cast(observed / nullif(usual, 0) as double precision) as lift
    from tenths
),

publishable as (
    {{ clientele.published_cells('final', keys=['head', 'decile'], within=['head']) }}
)

select * from publishable
