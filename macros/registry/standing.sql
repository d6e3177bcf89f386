{#- Which of the fits of one kind of model scores: one rule for every kind. -#}

{% macro standing_ctes(cards) %}
    {#- CTEs that end in `standing`: the columns of `cards`, decision, decision_reason, is_champion and is_challenger.
        `cards`: a CTE with fit_number, model_version, model_status, gate and gate_reason, one row per fit of one kind of
        model. The champion is a pinned model, else the newest that a person has promoted or the gate has passed, else
        the newest exploratory one, whatever its gate said of what could be measured, else the newest of the rest. A
        rejected model never scores, nor one without weights (model_status none). -#}
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
        {{ cards }}.*,
        case
            when {{ cards }}.model_status = 'none' then 'no_model'
            when decisions.is_rejected = 1 then 'rejected'
            when decisions.is_pinned = 1 then 'pinned'
            when decisions.is_promoted = 1 then 'promoted'
            else {{ cards }}.gate
        end as decision,
        coalesce(decisions.reason, {{ cards }}.gate_reason) as decision_reason
    from {{ cards }}
    left join decisions on {{ cards }}.model_version = decisions.model_version
),

ranked as (
    select
        decided.*,
        case
            when decided.decision in ('no_model', 'rejected') then 0
            when decided.decision = 'pinned' then 4
            when decided.decision in ('promoted', 'passed') then 3
            when decided.model_status = 'exploratory' then 2
            else 1
        end as strength
    from decided
),

placed as (
    select
        ranked.*,
        row_number() over (
            order by ranked.strength desc nulls last, ranked.fit_number desc nulls last
        ) as place
    from ranked
),

champion as (
    select max(fit_number) as fit_number from placed where place = 1 and strength > 0
),

challenger as (
    select max(placed.fit_number) as fit_number
    from placed
    cross join champion
    where
        placed.decision not in ('no_model', 'rejected')
        and (champion.fit_number is null or placed.fit_number > champion.fit_number)
),

standing as (
    select
        placed.*,
        coalesce(placed.fit_number = champion.fit_number, false) as is_champion,
        coalesce(placed.fit_number = challenger.fit_number, false) as is_challenger
    from placed
    cross join champion
    cross join challenger
)
{% endmacro %}
