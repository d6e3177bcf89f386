{#- Grain: one comparison of shares: how far apart two distributions are, without what chance alone gives (debiased
    PSI, with the lower end of its range), and how much of that is left when the inputs, or the orders, are held
    (the symmetric divergence of both together is the sum of one and of what is left given it). Late data: built
    whole. -#}
{% set z = clientele.drift_limits()['z'] %}

with

compared as (
    select * from {{ ref('drift_bins') }}
),

parts as (
    select
        compared.*,
        {{ clientele.drift_divergence('compared.share_now', 'compared.share_before') }} as of_inputs,
        {{ clientele.drift_divergence('compared.ordering_now', 'compared.ordering_before') }}
        + {{ clientele.drift_divergence(
            'compared.share_now - compared.ordering_now', 'compared.share_before - compared.ordering_before'
        ) }} as of_both,
        {{ clientele.drift_divergence('compared.all_ordering_now', 'compared.all_ordering_before') }}
        + {{ clientele.drift_divergence('1 - compared.all_ordering_now', '1 - compared.all_ordering_before') }}
            as of_orders,
        row_number() over (
            partition by compared.period_grain, compared.series, compared.period_date, compared.comparison
            order by abs(compared.share_now - compared.share_before) desc nulls last, compared.bin asc
        ) as place
    from compared
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
        max(of_orders) as of_orders,
        max(case when place = 1 then bin end) as moved_bin,
        max(case when place = 1 then share_now - share_before end) as moved_share
    from parts
    group by period_grain, series, period_date, period_number, comparison
),

debiased as (
    select
        period_grain,
        series,
        period_date,
        period_number,
        comparison,
        n_bins,
        n_now,
        n_before,
        noise,
        moved_bin,
        moved_share,
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
