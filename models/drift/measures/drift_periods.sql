{#- Grain: one series and whole week or month in which it was counted, without periods with a data error: they are
    compared with nothing, and nothing with them. Numbered from the first; with the totals that are compared. Late
    data: built whole from counts. -#}

with

counts as (
    select * from {{ ref('drift_counts') }}
    union all
    select * from {{ ref('drift_model_counts') }}
),

settings as (
    {{ clientele.drift_settings_table() }}
),

faulty as (
    select period_grain, period_date from counts where series = 'feed' and n_chosen > 0
),

first_days as (
    select min(period_date) as first_date from counts where series = 'feed'
),

totals as (
    select
        counts.period_grain,
        counts.period_date,
        counts.series,
        cast(sum(counts.n) as bigint) as n,
        cast(sum(counts.n_chosen) as bigint) as n_chosen,
        sum(counts.value_sum) as value_sum,
        sum(counts.value_squares) as value_squares
    from counts
    left join faulty on counts.period_grain = faulty.period_grain and counts.period_date = faulty.period_date
    where faulty.period_date is null
    group by counts.period_grain, counts.period_date, counts.series
    having sum(counts.n) > 0
),

final as (
    select
        totals.period_grain,
        totals.period_date,
        totals.series,
        settings.drift_kind,
        settings.form,
        settings.only_falls,
        settings.warn_bar,
        settings.error_bar,
        settings.relation_warn_bar,
        settings.relation_error_bar,
        cast(row_number() over (
            partition by totals.period_grain, totals.series order by totals.period_date
        ) as bigint) as period_number,
        totals.n,
        totals.n_chosen,
        totals.value_sum,
        totals.value_squares
    from totals
    inner join settings on totals.series = settings.series
    cross join first_days
    where
        settings.starts_after_days = 0
        or {{ dbt.datediff('first_days.first_date', 'totals.period_date', 'day') }} >= settings.starts_after_days
)

select * from final
