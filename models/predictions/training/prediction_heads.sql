{#- Grain: one head of the fit that scores: what scores it (its model, a heuristic, or nothing: refused), and why.
    Of the fits up to the day of the build of the heads that are asked for it is the champion
    (macros/registry/standing.sql): a pinned one, else the newest that is not rejected and did not have to
    refuse every head. -#}

with

heads as (
    {{ clientele.fit_part(ref('prediction_fit_fields'), 'head', {
        'head': 'varchar(32)',
        'scored_by': 'varchar(16)',
        'reason': 'varchar(1024)',
    }) }}
),

cards as (
    {{ clientele.fit_part(ref('prediction_fit_fields'), 'card', {'heads': 'varchar(256)'}) }}
),

last_card as (
    select max(fit_number) as fit_number from cards
),

asked_for as (
    select max(cards.heads) as heads
    from cards
    inner join last_card on cards.fit_number = last_card.fit_number
),

fits as (
    select
        heads.fit_number,
        heads.model_version,
        max(case when heads.scored_by != 'refused' then 1 else 0 end) as scores,
        max(
            case
                when
                    substring(heads.model_version, 1, 8)
                    <= replace(cast(prediction_request.as_of_date as varchar(10)), '-', '') then 1
                else 0
            end
        ) as is_of_then
    from heads
    inner join cards on heads.fit_number = cards.fit_number
    inner join asked_for on cards.heads = asked_for.heads
    cross join {{ ref('prediction_request') }} as prediction_request
    group by heads.fit_number, heads.model_version
),

-- the day of the build lies before every fit: the first one scores
first_fit as (
    select min(fit_number) as fit_number from fits where scores = 1
),

anybody as (
    select max(scores * is_of_then) as is_there from fits
),

-- each head has passed its gate, or leaves the scores to a heuristic: the fit as a whole may score
candidates as (
    select
        fits.fit_number,
        fits.model_version,
        case when fits.scores = 1 then 'proven' else 'none' end as model_status,
        case when fits.scores = 1 then 'passed' else 'failed' end as gate,
        cast(null as varchar(1024)) as gate_reason
    from fits
    cross join anybody
    left join first_fit on fits.fit_number = first_fit.fit_number
    where
        (anybody.is_there = 1 and fits.is_of_then = 1)
        or (anybody.is_there = 0 and first_fit.fit_number is not null)
),

{{ clientele.standing_ctes('candidates') }},

newest as (
    select
        coalesce(
            max(case when standing.is_champion then standing.fit_number end),
            max(case when first_fit.fit_number is null then fits.fit_number end)
        ) as fit_number
    from fits
    cross join first_fit
    left join standing on fits.fit_number = standing.fit_number
),

final as (
    select
        heads.fit_number,
        heads.head,
        -- an experiment has set the head against its heuristic
        cast(case
            when heads.scored_by = 'cells' and outcomes.decision = 'promote' then 'model'
            when heads.scored_by = 'model' and outcomes.decision = 'hold_back' then 'cells'
            else heads.scored_by
        end as varchar(16)) as scored_by,
        cast(
            case
                when heads.scored_by in ('cells', 'model') then coalesce(outcomes.reason, heads.reason)
                else heads.reason
            end
            as varchar(1024)
        ) as reason,
        cast(heads.model_version as varchar(64)) as model_version
    from heads
    inner join newest on heads.fit_number = newest.fit_number
    left join outcomes on heads.model_version || '/' || heads.head = outcomes.model
)

select * from final
