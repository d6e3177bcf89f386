{#- Grain: one fit: its card, what the gate and people have decided about it, and whether its weights score. The switch
    that every other table reads is is_champion: a pinned model, else the newest that a person has promoted or the gate
    has passed, else the newest exploratory one, whatever its gate said of what could be measured, else the newest
    tiers of a shop without groups. A rejected model never scores. One that the gate passed on other features than
    today's is exploratory, and a fit is due (macros/registry/fits.sql). -#}

with

fits as (
    select * from {{ ref('segment_fits') }}
),

cards as (
    select
        fit_number,
        model_version,
        max(case when item = 'status' then text end) as status,
        max(case when item = 'reason' then text end) as reason,
        max(case when item = 'gate' then text end) as gate,
        max(case when item = 'gate_reason' then text end) as gate_reason,
        max(case when item = 'k' then value end) as n_segments,
        max(case when item = 'n_users' then value end) as n_users,
        max(case when item = 'n_features' then value end) as n_features,
        max(case when item = 'n_components' then value end) as n_components,
        max(case when item = 'explained_variance' then value end) as explained_variance,
        max(case when item = 'min_share' then value end) as min_share,
        max(case when item = 'n_mismatches' then value end) as n_mismatches,
        -- a fit of an earlier version has no status of this kind
        coalesce(
            max(case when item = 'model_status' then text end),
            max(case when item = 'status' and text = 'no_model' then 'none' end),
            max(case when item = 'gate' and text = 'passed' then 'proven' end),
            'exploratory'
        ) as model_status,
        max(case when item = 'sentence' then text end) as sentence
    from fits
    where row_kind = 'card'
    group by fit_number, model_version
),

{{ clientele.judged_card_ctes('cards', 'fits') }},

decisions as (
    select
        model_version,
        max(case when decision = 'reject' then 1 else 0 end) as is_rejected,
        max(case when decision = 'pin' then 1 else 0 end) as is_pinned,
        max(case when decision = 'promote' then 1 else 0 end) as is_promoted,
        max(case when decision != 'refit' then decided_by || ': ' || reason end) as reason
    from {{ ref('segment_decisions') }}
    group by model_version
),

decided as (
    select
        cards.*,
        case
            when cards.model_status = 'none' then 'no_model'
            when decisions.is_rejected = 1 then 'rejected'
            when decisions.is_pinned = 1 then 'pinned'
            when decisions.is_promoted = 1 then 'promoted'
            when cards.gate = 'passed' and not cards.are_features_current then 'outdated'
            else cards.gate
        end as decision,
        coalesce(decisions.reason, cards.gate_reason) as decision_reason
    from judged_cards as cards
    left join decisions on cards.model_version = decisions.model_version
),

ranked as (
    select
        decided.*,
        case
            when decided.decision in ('no_model', 'rejected') then 0
            when decided.decision = 'pinned' then 4
            when decided.decision in ('promoted', 'passed') then 3
            when decided.model_status in ('exploratory', 'proven') then 2
            else 1
        end as standing
    from decided
),

placed as (
    select
        ranked.*,
        row_number() over (
            order by ranked.standing desc nulls last, ranked.fit_number desc nulls last
        ) as place
    from ranked
),

champion as (
    select max(fit_number) as fit_number from placed where place = 1 and standing > 0
),

challenger as (
    select max(placed.fit_number) as fit_number
    from placed
    cross join champion
    where
        placed.decision not in ('no_model', 'rejected')
        and (champion.fit_number is null or placed.fit_number > champion.fit_number)
),

final as (
    select
        placed.fit_number,
        placed.model_version,
        placed.status,
        cast(
            case
                when placed.model_status = 'proven' and not placed.are_features_current then 'exploratory'
                else placed.model_status
            end as varchar(256)
        ) as model_status,
        placed.reason,
        cast(
            case
                when placed.model_status in ('none', 'no_groups') or placed.are_features_current then placed.sentence
                else 'Exploratory: the features have changed since this model was fitted. Fit again: the next build'
                    || ' does, unless a newer fit is there already.'
            end as varchar(4096)
        ) as sentence,
        cast(placed.n_segments as integer) as n_segments,
        cast(placed.n_users as bigint) as n_users,
        cast(placed.n_features as integer) as n_features,
        cast(placed.n_components as integer) as n_components,
        placed.explained_variance,
        placed.min_share,
        cast(placed.n_mismatches as bigint) as n_mismatches,
        placed.are_features_current,
        placed.gate,
        placed.decision,
        placed.decision_reason,
        coalesce(placed.fit_number = champion.fit_number, false) as is_champion,
        coalesce(placed.fit_number = challenger.fit_number, false) as is_challenger
    from placed
    cross join champion
    cross join challenger
)

select * from final
