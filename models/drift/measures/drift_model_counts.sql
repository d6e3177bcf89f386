{#- Grain: one whole month, series and bin of what the models say, as core.drift_counts has them of what comes: personas
    and who kept one; whether personas and states still tell who orders and who has which habits; how many orders came
    for each that was expected, with what the registry says of the fit as the month before it. Late data: built whole
    from months that are kept, scored by the champion. -#}

with

{{ clientele.drift_persona_ctes() }},

{{ clientele.drift_expected_ctes() }},

counted as (
    select
        month_date as period_date,
        'personas' as series,
        segment_id as bin,
        count(*) as n,
        0 as n_chosen,
        0 as value_sum,
        0 as value_squares
    from months
    group by month_date, segment_id
    union all
    select
        now.month_date as period_date,
        'persona_stays' as series,
        0 as bin,
        count(*) as n,
        sum(case when now.segment_id = earlier.segment_id then 1 else 0 end) as n_chosen,
        0 as value_sum,
        0 as value_squares
    from months as now
    inner join months as earlier
        on now.user_sk = earlier.user_sk and earlier.month_date = {{ dbt.dateadd('month', -1, 'now.month_date') }}
    group by now.month_date
    {% for source, series, figure in [
        ('separated', "'persona_auc'", 'auc'),
        ('explained_habits', "'persona_habits'", 'explained'),
        ('expected_figures', 'series', 'figure'),
    ] %}
    union all
    select
        period_date,
        {{ series }} as series,
        0 as bin,
        n,
        0 as n_chosen,
        {{ figure }} as value_sum,
        variance as value_squares
    from {{ source }}
    {% endfor %}
),

final as (
    select
        cast('month' as varchar(8)) as period_grain,
        cast(counted.period_date as date) as period_date,
        cast(counted.series as varchar(32)) as series,
        cast(counted.bin as integer) as bin,
        cast(counted.n as bigint) as n,
        cast(counted.n_chosen as bigint) as n_chosen,
        cast(counted.value_sum as double precision) as value_sum,
        cast(counted.value_squares as double precision) as value_squares
    from counted
    cross join {{ ref('as_of') }} as as_of
    where
        {{ dbt.dateadd('month', 1, 'counted.period_date') }} <= as_of.last_date
        or counted.series in ('margin', 'confidence')
)

select * from final
