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
        case
            when figures.form = 'chain' then sum(figures.figure) over (
                partition by figures.period_grain, figures.series
                order by figures.period_date rows between unbounded preceding and current row
            )
            else figures.figure
        end as figure
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
        avg(chained.figure) as figure,
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
        cast(before.n as bigint) as n_before,
        now.figure as figure_now,
        before.figure as figure_before,
        now.figure - before.figure as difference,
        sqrt(now.variance + before.variance) as standard_error,
        -- what it would be without a change: a share that has grown has a wider range, which is no lack of customers
        sqrt(before.variance * (1 + {{ clientele.double('before.n') }} / now.n)) as noise
    from sides as now
    inner join sides as before
        on
            now.period_grain = before.period_grain
            and now.series = before.series
            and now.period_date = before.period_date
            and now.comparison = before.comparison
            and not before.is_now
    where now.is_now
)

select * from final
