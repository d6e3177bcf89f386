{#- Grain: one experiment: what it could see if its arms were drawn today, and how many customers and days it needs
    to see the smallest effect of interest, at 5 % and a power of 80 %. Late data: built whole in each run. -#}

with

sizes as (
    select experiment, count(*) as n_customers from {{ ref('experiment_candidates') }} group by experiment
),

history as (
    select {{ dbt.datediff('first_date', clientele.local_time('as_of_at'), 'day') }} + 1 as n_days
    from {{ ref('as_of') }}
),

-- the arm that is the hardest to tell from the control
arms as (
    select
        experiment,
        1 / max(case when is_control then share end) + 1 / min(case when not is_control then share end) as arm_factor
    from {{ ref('experiment_arms') }}
    group by experiment
),

moments as (
    select
        experiment,
        sum(n_today) as n_judged,
        {% for part in ['y', 'yy', 'x', 'xx', 'xy'] -%}
        sum(sum_{{ part }} * n_today / n_then) / sum(n_today) as mean_{{ part }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from {{ ref('experiment_past') }}
    where n_then > 0
    group by experiment
),

spreads as (
    select
        experiment,
        n_judged,
        mean_y,
        mean_yy - mean_y * mean_y as variance_y,
        case
            when mean_xx - mean_x * mean_x > 1e-12
                then power(mean_xy - mean_x * mean_y, 2) / (mean_xx - mean_x * mean_x)
            else 0
        end as variance_explained
    from moments
),

judged as (
    select
        designs.experiment,
        coalesce(sizes.n_customers, 0) as n_customers,
        spreads.n_judged,
        spreads.mean_y,
        spreads.variance_y,
        case when spreads.variance_y is not null then greatest(spreads.variance_y - spreads.variance_explained, 0) end
            as variance_left,
        arms.arm_factor,
        designs.smallest_effect,
        designs.horizon_days,
        history.n_days >= 2 * designs.horizon_days as has_past
    from {{ ref('experiment_designs') }} as designs
    cross join history
    inner join arms on designs.experiment = arms.experiment
    left join sizes on designs.experiment = sizes.experiment
    left join spreads on designs.experiment = spreads.experiment
),

needs as (
    select
        judged.*,
        case
            when judged.has_past and judged.mean_y > 0 and judged.variance_left > 0
                then power({{ clientele.power_z() }} / (judged.smallest_effect * judged.mean_y), 2)
                    * judged.variance_left * judged.arm_factor
        end as n_wanted,
        case
            when judged.has_past and judged.mean_y > 0 and judged.n_customers > 0
                then {{ clientele.power_z() }} * sqrt(judged.variance_left * judged.arm_factor / judged.n_customers)
                    / judged.mean_y
        end as detectable
    from judged
),

final as (
    select
        experiment,
        cast(n_customers as bigint) as n_customers,
        {{ clientele.double('n_judged') }} / nullif(n_customers, 0) as judged_share,
        mean_y as past_mean,
        sqrt(variance_left) as past_deviation,
        case when variance_y > 0 then variance_left / variance_y end as variance_share,
        detectable as detectable_effect,
        -- least() and greatest() pass over what is empty
        case when n_wanted is not null then cast(ceil(least(n_wanted, 1e15)) as bigint) end as n_needed,
        case
            when n_customers > 0 and horizon_days * n_wanted / n_customers <= 3650
                then cast(ceil(greatest(horizon_days * n_wanted / n_customers, 1)) as integer)
        end as days_needed,
        cast(case
            when n_customers = 0 then 'nobody'
            when n_wanted is null then 'no_past'
            when n_wanted > n_customers then 'too_small'
            else 'enough'
        end as varchar(16)) as verdict
    from needs
)

select * from final
