{#- Grain: one comparison of a single figure: how far apart it is, with its standard error. Late data: built whole. -#}

with

figures as (
    select
        period_grain,
        series,
        period_date,
        n,
        {{ clientele.drift_value() }} as figure,
        {{ clientele.drift_variance() }} as variance,
        form
    from {{ ref('drift_periods') }}
    where form != 'shares'
),

-- a change from period to period becomes a level: the sum of the changes so far
chained as (
    select
        figures.period_grain,
        figures.series,
        figures.period_date,
        figures.n,
        figures.variance,
        figures.form,
        figures.figure as own_figure,
        sum(figures.figure) over (
            partition by figures.period_grain, figures.series
            order by figures.period_date rows between unbounded preceding and current row
        ) as figure_so_far
    from figures
),

sides as (
    select
        windows.period_grain,
        windows.series,
        windows.period_date,
        windows.period_number,
        windows.comparison,
        windows.is_now,
        sum(chained.n) as n,
        avg(case when chained.form = 'chain' then chained.figure_so_far else chained.own_figure end) as figure,
        sum(chained.variance) / (count(*) * count(*)) as variance
    from {{ ref('drift_windows') }} as windows
    inner join chained
        on
            windows.period_grain = chained.period_grain
            and windows.series = chained.series
            and windows.other_date = chained.period_date
    group by
        windows.period_grain,
        windows.series,
        windows.period_date,
        windows.period_number,
        windows.comparison,
        windows.is_now
),

final as (
    select
        now.period_grain,
        now.series,
        now.period_date,
        now.period_number,
        now.comparison,
        cast(now.n as bigint) as n_now,
        cast(earlier.n as bigint) as n_before,
        now.figure as figure_now,
        earlier.figure as figure_before,
        now.figure - earlier.figure as difference,
        sqrt(now.variance + earlier.variance) as standard_error,
        -- what it would be without a change: a share that has grown has a wider range, which is no lack of customers
        sqrt(earlier.variance * (1 + {{ clientele.double('earlier.n') }} / now.n)) as noise
    from sides as now
    inner join sides as earlier
        on
            now.period_grain = earlier.period_grain
            and now.series = earlier.series
            and now.period_date = earlier.period_date
            and now.comparison = earlier.comparison
            and not earlier.is_now
    where now.is_now
)

select * from final
