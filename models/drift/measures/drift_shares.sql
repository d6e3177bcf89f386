{#- Grain: one comparison of shares: how far apart two distributions are, without what chance alone gives (debiased
    PSI, with the lower end of its range), and how much of that is left when the inputs, or the orders, are held
    (the symmetric divergence of both together is the sum of one and of what is left given it). Late data: built
    whole. -#}
{% set z = clientele.drift_limits()['z'] %}

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
        {% for side, condition in {'now': 'windows.is_now', 'before': 'not windows.is_now'}.items() -%}
        {{ clientele.double('sum(case when ' ~ condition ~ ' then counts.n else 0 end)') }} as n_{{ side }},
        {{ clientele.double('sum(case when ' ~ condition ~ ' then counts.n_chosen else 0 end)') }} as chosen_{{ side }}
        {{- ',' if not loop.last }}
        {% endfor %}
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

compared as (
    select
        pooled.*,
        {% for column in ['n_now', 'n_before', 'chosen_now', 'chosen_before'] -%}
        sum(pooled.{{ column }}) over (
            partition by pooled.period_grain, pooled.series, pooled.period_date, pooled.comparison
        ) as all_{{ column }},
        {% endfor -%}
        {{ clientele.double(
            'count(*) over (partition by pooled.period_grain, pooled.series, pooled.period_date, pooled.comparison)'
        ) }} as n_bins
    from pooled
),

-- half a customer more in each cell: an empty one is far, and not infinitely far
parts as (
    select
        compared.*,
        {{ clientele.drift_divergence('n_now + 0.5', 'all_n_now + 0.5 * n_bins', 'n_before + 0.5',
            'all_n_before + 0.5 * n_bins') }} as of_inputs,
        {{ clientele.drift_divergence('chosen_now + 0.25', 'all_n_now + 0.5 * n_bins', 'chosen_before + 0.25',
            'all_n_before + 0.5 * n_bins') }}
        + {{ clientele.drift_divergence('n_now - chosen_now + 0.25', 'all_n_now + 0.5 * n_bins',
            'n_before - chosen_before + 0.25', 'all_n_before + 0.5 * n_bins') }} as of_both,
        (n_now + 0.5) / (all_n_now + 0.5 * n_bins) - (n_before + 0.5) / (all_n_before + 0.5 * n_bins) as moved
    from compared
),

placed as (
    select
        parts.*,
        row_number() over (
            partition by period_grain, series, period_date, comparison order by abs(moved) desc nulls last, bin asc
        ) as place
    from parts
),

summed as (
    select
        period_grain,
        series,
        period_date,
        period_number,
        comparison,
        max(n_bins) as n_bins,
        max(all_n_now) as n_now,
        max(all_n_before) as n_before,
        1 / max(all_n_now) + 1 / max(all_n_before) as noise,
        sum(of_inputs) as of_inputs,
        sum(of_both) as of_both,
        max({{ clientele.drift_divergence('all_chosen_now + 0.25 * n_bins', 'all_n_now + 0.5 * n_bins',
            'all_chosen_before + 0.25 * n_bins', 'all_n_before + 0.5 * n_bins') }}
            + {{ clientele.drift_divergence('all_n_now - all_chosen_now + 0.25 * n_bins', 'all_n_now + 0.5 * n_bins',
                'all_n_before - all_chosen_before + 0.25 * n_bins', 'all_n_before + 0.5 * n_bins') }}) as of_orders,
        max(case when place = 1 then bin end) as moved_bin,
        max(case when place = 1 then moved end) as moved_share
    from placed
    where all_n_now > 0 and all_n_before > 0
    group by period_grain, series, period_date, period_number, comparison
),

debiased as (
    select
        summed.*,
        of_inputs - (n_bins - 1) * noise as psi,
        of_both - (2 * n_bins - 1) * noise as divergence,
        greatest(of_both - of_inputs - n_bins * noise, 0) as left_given_inputs,
        greatest(of_both - of_orders - (2 * n_bins - 2) * noise, 0) as left_given_orders
    from summed
)

select
    period_grain,
    series,
    period_date,
    period_number,
    comparison,
    cast(n_bins as bigint) as n_bins,
    cast(n_now as bigint) as n_now,
    cast(n_before as bigint) as n_before,
    psi,
    psi - {{ z }} * sqrt(2 * (n_bins - 1) * noise * noise + 4 * greatest(psi, 0) * noise) as psi_lo,
    (n_bins - 1) * noise as psi_noise,
    divergence,
    left_given_inputs,
    left_given_orders,
    least(left_given_inputs, left_given_orders) as relation,
    least(left_given_inputs, left_given_orders) - {{ z }} * sqrt(
        2 * n_bins * noise * noise + 4 * least(left_given_inputs, left_given_orders) * noise
    ) as relation_lo,
    n_bins * noise as relation_noise,
    moved_bin,
    moved_share
from debiased
