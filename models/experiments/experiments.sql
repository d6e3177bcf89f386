{#- Grain: one experiment of experiments/*.yml: what it asks, where it stands, and what it could see. Late data:
    built whole in each run. -#}

with

marked as (
    select
        ratios.experiment,
        ratios.arm,
        ratios.basis,
        ratios.n_customers,
        ratios.n_crossed,
        ratios.has_alarm,
        max(case when ratios.basis = 'exposed' then 1 else 0 end)
            over (partition by ratios.experiment, ratios.arm) as reaches
    from {{ ref('experiment_ratios') }} as ratios
),

reached as (
    select
        experiment,
        max(case when has_alarm then 1 else 0 end) as has_alarm,
        max(case when has_alarm and n_customers = 0 then arm end) as silent_arm,
        sum(case when basis = 'assigned' then n_customers end) as n_assigned,
        sum(case when basis = 'assigned' and reaches = 1 then n_customers end) as n_reachable,
        sum(case when basis = 'exposed' then n_customers end) as n_reached,
        case when max(case when basis = 'exposed' or n_crossed > 0 then 1 else 0 end) = 1 then sum(n_crossed) end
            as n_crossed
    from marked
    group by experiment
),

final as (
    select
        designs.experiment,
        designs.label,
        designs.label_fr,
        designs.description,
        designs.owner_name,
        designs.purpose,
        designs.file_name,
        designs.audience,
        designs.measure,
        designs.control_arm,
        designs.guardrails,
        designs.playbook_measure,
        designs.starts_date,
        designs.horizon_days,
        designs.smallest_effect,
        standings.status,
        standings.as_of_date,
        standings.assigned_date,
        standings.ends_date,
        cast(case
            when coalesce(standings.n_assigned, judged.n_customers) >= {{ clientele.setting('min_cell_users') }}
                then {{ clientele.round_to_step(
                    'coalesce(standings.n_assigned, judged.n_customers)', clientele.cell_step()
                ) }}
        end as bigint) as n_customers,
        {{ clientele.double('round(standings.detectable_effect, 2)') }} as detectable_effect,
        cast({{ clientele.round_to_step(
            'case when standings.assigned_date is null then judged.n_needed end', clientele.cell_step()
        ) }} as bigint) as n_needed,
        case when standings.assigned_date is null then judged.days_needed end as days_needed,
        -- of counts in steps, as n_customers is one: what one customer does cannot be seen
        {{ clientele.share_in_steps('reached.n_reached', 'reached.n_reachable') }} as reached_share,
        {{ clientele.share_in_steps('reached.n_crossed', 'reached.n_assigned') }} as crossed_share,
        cast(case when reached.has_alarm = 1 then 'alarm' when reached.has_alarm = 0 then 'as_drawn' end as varchar(16))
            as ratio_status,
        cast(coalesce(
            standings.reason,
            'Its arm ' || reached.silent_arm || ' has reached nobody though others have: something failed there, or '
            || 'its exposures are not delivered (experiment_exposures).'
        ) as varchar(512)) as reason
    from {{ ref('experiment_designs') }} as designs
    inner join {{ ref('experiment_standings') }} as standings on designs.experiment = standings.experiment
    inner join {{ ref('experiment_power') }} as judged on designs.experiment = judged.experiment
    left join reached on designs.experiment = reached.experiment
)

select * from final
