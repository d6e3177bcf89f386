{#- Grain: one head of the fit that scores: what scores it (its model, a heuristic, or nothing: refused), and why. This
    fit is the newest, up to the day of the build, of the heads that are asked for; one that had to refuse all of them
    replaces none that did not. -#}

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
    group by heads.fit_number
),

newest as (
    select
        coalesce(
            max(case when scores = 1 and is_of_then = 1 then fit_number end),
            min(case when scores = 1 then fit_number end),
            max(fit_number)
        ) as fit_number
    from fits
),

final as (
    select
        heads.fit_number,
        heads.head,
        heads.scored_by,
        heads.reason,
        cast(heads.model_version as varchar(64)) as model_version
    from heads
    inner join newest on heads.fit_number = newest.fit_number
)

select * from final
