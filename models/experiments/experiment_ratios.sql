{#- Grain: one experiment and arm: are there as many customers as its share says? An alarm needs a deviation that chance
    makes once in a thousand and that is half a point or more; in a large experiment the former alone says nothing. Who
    left since the drawing (erased, objecting) is missing: more of them in one arm is what the check is for. Late data:
    built whole in each run. -#}

with

counted as (
    select
        experiment,
        arm,
        count(*) as n_customers
    from {{ ref('experiment_outcomes') }}
    group by experiment, arm
),

compared as (
    select
        arms.experiment,
        arms.arm,
        arms.share,
        coalesce(counted.n_customers, 0) as n_customers,
        sum(coalesce(counted.n_customers, 0)) over (partition by arms.experiment) as n_all,
        count(*) over (partition by arms.experiment) as n_arms
    from {{ ref('experiment_arms') }} as arms
    left join counted on arms.experiment = counted.experiment and arms.arm = counted.arm
    where arms.experiment in (select experiment from counted)
),

measured as (
    select
        compared.*,
        compared.n_customers / {{ clientele.double('compared.n_all') }} as observed_share,
        sum(power(compared.n_customers - compared.n_all * compared.share, 2) / (compared.n_all * compared.share))
            over (partition by compared.experiment) as chi2,
        max(abs(compared.n_customers / {{ clientele.double('compared.n_all') }} - compared.share))
            over (partition by compared.experiment) as largest_deviation
    from compared
),

final as (
    select
        experiment,
        arm,
        share as expected_share,
        cast(n_customers as bigint) as n_customers,
        observed_share,
        chi2,
        chi2 > {{ clientele.ratio_alarm_chi2('n_arms') }} and largest_deviation >= 0.005 as has_alarm
    from measured
)

select * from final
