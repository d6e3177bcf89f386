{#- Grain: one audience, and whether it may be used: one that is not active has nobody in it, and its reason says
    why. An arm of an experiment is an audience as well, from the drawing to the last day, unless it is held back.
    Late data: built whole in each run. -#}

with

arms as (
    select
        designs.*,
        arms.arm,
        arms.arm_audience,
        arms.label as arm_label,
        arms.label_fr as arm_label_fr,
        standings.status as experiment_status,
        standings.ends_date,
        standings.reason as experiment_reason,
        bases.consent_purpose,
        bases.consent_status
    from {{ ref('experiment_designs') }} as designs
    inner join {{ ref('experiment_arms') }} as arms on designs.experiment = arms.experiment
    inner join {{ ref('experiment_standings') }} as standings on designs.experiment = standings.experiment
    inner join {{ ref('audience_standings') }} as bases on designs.audience = bases.audience
    where arms.arm_audience is not null
),

sizes as (
    select
        treated.experiment,
        treated.arm,
        count(*) as n_customers
    from {{ ref('arm_matches') }} as treated
    group by treated.experiment, treated.arm
),

judged as (
    select
        arms.*,
        case
            when arms.experiment_status = 'over' then 'expired'
            when arms.experiment_status != 'running' then 'not_drawn'
            when coalesce(sizes.n_customers, 0) < {{ clientele.setting('min_cell_users') }} then 'too_small'
            else 'active'
        end as status
    from arms
    left join sizes on arms.experiment = sizes.experiment and arms.arm = sizes.arm
),

final as (
    select * from {{ ref('audience_standings') }}
    union all
    select
        arm_audience as audience,
        cast(label || ': ' || arm_label as varchar(256)) as label,  -- noqa: RF04
        cast(label_fr || ' : ' || arm_label_fr as varchar(512)) as label_fr,
        description,
        owner_name,
        purpose,
        file_name,
        destinations,
        consent_purpose,
        consent_status,
        cast(coalesce(ends_date, starts_date) as date) as expires_date,
        cast({{ clientele.setting('min_cell_users') }} as integer) as min_users,
        {{ clientele.double(clientele.setting('max_leaving_share')) }} as max_leaving_share,
        false as uses_personas,
        as_of_date,
        cast(status as varchar(24)) as status,
        cast(
            case
                when status = 'expired' then 'Its experiment is over.'
                when status = 'not_drawn' and experiment_reason is not null then left(experiment_reason, 256)
                when status = 'not_drawn' then 'Its experiment has not begun: arms are drawn from starts on.'
                when status = 'too_small' then 'Its arm has fewer customers than may be exported.'
            end as varchar(256)
        ) as reason
    from judged
)

select * from final
