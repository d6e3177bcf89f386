{#- Grain: one audience that may be used, and customer who is in it today. While an experiment runs, or its file is
    not as it was, whoever it holds back is left out of its audience; each other arm is an audience of its own while
    it runs, without who has withdrawn consent since. Late data: built whole in each run. -#}

with

running as (
    select
        designs.audience,
        assignments.user_sk,
        assignments.user_key,
        arms.arm_audience,
        treated.user_sk is not null as is_treated,
        bases.consent_status != 'checked' or consents.user_sk is not null as has_consent
    from {{ ref('experiment_assignments') }} as assignments
    inner join {{ ref('experiment_designs') }} as designs on assignments.experiment = designs.experiment
    inner join {{ ref('experiment_standings') }} as standings on assignments.experiment = standings.experiment
    inner join {{ ref('experiment_arms') }} as arms
        on assignments.experiment = arms.experiment and assignments.arm = arms.arm
    inner join {{ ref('audience_standings') }} as bases on designs.audience = bases.audience
    left join {{ ref('arm_matches') }} as treated
        on
            assignments.experiment = treated.experiment
            and assignments.arm = treated.arm
            and assignments.user_sk = treated.user_sk
    left join {{ ref('consents_in_force') }} as consents
        on assignments.user_sk = consents.user_sk and bases.consent_purpose = consents.purpose
    where standings.status = 'running'
),

held_back as (
    select distinct
        coalesce(drawings.audience, designs.audience) as audience,
        assignments.user_sk
    from {{ ref('experiment_assignments') }} as assignments
    inner join {{ ref('experiment_designs') }} as designs on assignments.experiment = designs.experiment
    inner join {{ ref('experiment_standings') }} as standings on assignments.experiment = standings.experiment
    -- a file that has changed may name another audience
    left join {{ ref('experiment_drawings') }} as drawings on assignments.experiment = drawings.experiment
    -- a reserved name, so the file need not have the arm any more
    where assignments.arm = 'holdout' and standings.status in ('running', 'changed')
),

wanted as (
    select
        matches.audience,
        matches.user_key
    from {{ ref('audience_matches') }} as matches
    left join held_back on matches.audience = held_back.audience and matches.user_sk = held_back.user_sk
    where held_back.user_sk is null
    union all
    select
        running.arm_audience as audience,
        running.user_key
    from running
    where running.is_treated and running.has_consent
),

final as (
    select
        wanted.audience,
        wanted.user_key
    from wanted
    inner join {{ ref('audiences') }} as audiences on wanted.audience = audiences.audience
    where audiences.status = 'active'
)

select * from final
