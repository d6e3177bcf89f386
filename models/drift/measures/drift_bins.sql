{#- Grain: one comparison of shares and bin: its share of customers, and that of customers in it who order, now and
    before. Late data: built whole. -#}

with

counts as (
    select * from {{ ref('drift_counts') }}
    union all
    select * from {{ ref('drift_model_counts') }}
),

pooled as (
    select
        windows.period_grain,
        windows.series,
        windows.period_date,
        windows.period_number,
        windows.comparison,
        counts.bin,
        {{ clientele.double('sum(case when windows.is_now then counts.n else 0 end)') }} as n_now,
        {{ clientele.double('sum(case when windows.is_now then 0 else counts.n end)') }} as n_before,
        {{ clientele.double('sum(case when windows.is_now then counts.n_chosen else 0 end)') }} as chosen_now,
        {{ clientele.double('sum(case when windows.is_now then 0 else counts.n_chosen end)') }} as chosen_before
    from {{ ref('drift_windows') }} as windows
    inner join {{ ref('drift_periods') }} as periods
        on
            windows.period_grain = periods.period_grain
            and windows.series = periods.series
            and windows.period_date = periods.period_date
            and periods.form = 'shares'
    inner join counts
        on
            windows.period_grain = counts.period_grain
            and windows.series = counts.series
            and windows.other_date = counts.period_date
    group by
        windows.period_grain,
        windows.series,
        windows.period_date,
        windows.period_number,
        windows.comparison,
        counts.bin
),

sizes as (
    select
        period_grain,
        series,
        period_date,
        comparison,
        sum(n_now) as all_n_now,
        sum(n_before) as all_n_before,
        sum(chosen_now) as all_chosen_now,
        sum(chosen_before) as all_chosen_before,
        {{ clientele.double('count(*)') }} as n_bins
    from pooled
    group by period_grain, series, period_date, comparison
),

-- half a customer more in each cell: an empty one is far, and not infinitely far
compared as (
    select
        pooled.period_grain,
        pooled.series,
        pooled.period_date,
        pooled.period_number,
        pooled.comparison,
        pooled.bin,
        sizes.n_bins,
        sizes.all_n_now,
        sizes.all_n_before,
        (pooled.n_now + 0.5) / (sizes.all_n_now + 0.5 * sizes.n_bins) as share_now,
        (pooled.n_before + 0.5) / (sizes.all_n_before + 0.5 * sizes.n_bins) as share_before,
        (pooled.chosen_now + 0.25) / (sizes.all_n_now + 0.5 * sizes.n_bins) as ordering_now,
        (pooled.chosen_before + 0.25) / (sizes.all_n_before + 0.5 * sizes.n_bins) as ordering_before,
        (sizes.all_chosen_now + 0.25 * sizes.n_bins) / (sizes.all_n_now + 0.5 * sizes.n_bins) as all_ordering_now,
        (sizes.all_chosen_before + 0.25 * sizes.n_bins) / (sizes.all_n_before + 0.5 * sizes.n_bins)
            as all_ordering_before
    from pooled
    inner join sizes
        on
            pooled.period_grain = sizes.period_grain
            and pooled.series = sizes.series
            and pooled.period_date = sizes.period_date
            and pooled.comparison = sizes.comparison
    where sizes.all_n_now > 0 and sizes.all_n_before > 0
)

select * from compared
