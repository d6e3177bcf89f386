{#- Grain: one experiment, basis and arm: are there as many customers as its share says? Basis `assigned`: everybody
    who was drawn and is still there; more who left one arm (erased, objecting) are what the check is for. Basis
    `exposed`: those whom the side input experiment_exposures says were reached, among the arms that reach somebody or
    should: all but holdouts, and controls that are nobody's rule. Arms with conditions choose whom they reach, so they
    have no share of the exposed to keep; that one reaches nobody counts all the same.
    An alarm needs a deviation that chance makes once in a thousand, and an arm that has one in a hundred more or fewer
    of its customers than it should: in a small arm that is a small part of all. Late data: built whole in each run. -#}

with

assigned as (
    select
        outcomes.experiment,
        outcomes.user_sk,
        outcomes.arm
    from {{ ref('experiment_outcomes') }} as outcomes
),

exposed as (
    select
        assigned.experiment,
        assigned.arm,
        sum(case when exposures.arm = assigned.arm then 1 else 0 end) as n_customers,
        sum(case when exposures.arm != assigned.arm then 1 else 0 end) as n_crossed
    from assigned
    inner join {{ ref('experiment_exposures') }} as exposures
        on assigned.experiment = exposures.experiment and assigned.user_sk = exposures.user_sk
    inner join {{ ref('experiment_standings') }} as standings on assigned.experiment = standings.experiment
    where
        cast({{ clientele.local_time('exposures.exposed_at') }} as date) >= standings.assigned_date
        and cast({{ clientele.local_time('exposures.exposed_at') }} as date) <= standings.ends_date
    group by assigned.experiment, assigned.arm
),

counted as (
    select
        assigned.experiment,
        'assigned' as basis,
        assigned.arm,
        count(*) as n_customers,
        coalesce(max(exposed.n_crossed), 0) as n_crossed
    from assigned
    left join exposed on assigned.experiment = exposed.experiment and assigned.arm = exposed.arm
    group by assigned.experiment, assigned.arm
    union all
    select
        experiment,
        'exposed' as basis,
        arm,
        n_customers,
        0 as n_crossed
    from exposed
),

bases as (
    select distinct experiment, basis from counted
),

compared as (
    select
        arms.experiment,
        bases.basis,
        arms.arm,
        coalesce(counted.n_customers, 0) as n_customers,
        coalesce(counted.n_crossed, 0) as n_crossed,
        arms.share / sum(arms.share) over (partition by arms.experiment, bases.basis) as part,
        sum(coalesce(counted.n_customers, 0)) over (partition by arms.experiment, bases.basis) as n_all,
        count(*) over (partition by arms.experiment, bases.basis) as n_arms,
        bases.basis = 'assigned'
        or max(case when arms.is_chosen then 1 else 0 end) over (partition by arms.experiment, bases.basis) = 0
        or min(coalesce(counted.n_customers, 0)) over (partition by arms.experiment, bases.basis) = 0 as has_shares
    from {{ ref('experiment_arms') }} as arms
    inner join bases on arms.experiment = bases.experiment
    left join counted
        on arms.experiment = counted.experiment and arms.arm = counted.arm and bases.basis = counted.basis
    -- nobody is to be reached in a holdout, nor in a control that is left alone under another name
    where
        bases.basis = 'assigned' or counted.n_customers > 0
        or (not arms.is_held_back and (not arms.is_control or arms.is_chosen or arms.model is not null))
),

measured as (
    select
        compared.*,
        compared.n_customers / {{ clientele.double('compared.n_all') }} as observed_share,
        sum(power(compared.n_customers - compared.n_all * compared.part, 2) / (compared.n_all * compared.part))
            over (partition by compared.experiment, compared.basis) as chi2,
        max(abs(compared.n_customers / (compared.n_all * compared.part) - 1))
            over (partition by compared.experiment, compared.basis) as largest_deviation
    from compared
),

final as (
    select
        experiment,
        cast(basis as varchar(16)) as basis,
        arm,
        part as expected_share,
        cast(n_customers as bigint) as n_customers,
        cast(n_crossed as bigint) as n_crossed,
        observed_share,
        chi2,
        has_shares and n_arms > 1 and chi2 > {{ clientele.ratio_alarm_chi2('n_arms') }} and largest_deviation >= 0.01
            as has_alarm
    from measured
)

select * from final
