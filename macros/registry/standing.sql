{#- Which of the fits of one kind of model scores: one rule for every kind. -#}

{% macro standing_ctes(cards, needs_proof='false') %}
    {#- CTEs that end in `standing`: the columns of `cards`, decision, decision_reason, is_champion and is_challenger.
        `cards`: a CTE with fit_number, model_version, model_status, gate and gate_reason, one row per fit of one kind of
        model. The champion is a pinned model, else the one that an experiment holds as its control, else the newest that a
        person or an experiment has promoted or the gate has passed, else the newest exploratory one, whatever its gate said of
        what could be measured, else the newest of the rest. A rejected model never scores, nor one without weights
        (model_status none), nor one of which `needs_proof`, a condition on a card, is true before the gate has passed it or a
        person or an experiment has chosen it. A model that is on trial is the challenger: it scores in shadow until the outcome. -#}
{{ clientele.outcome_ctes() }},

{{ clientele.trials_of_fits(cards) }},

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
            when trials_of_fits.is_held = 1 then 'held'
            when trials_of_fits.is_held = 0 then 'on_trial'
            when decisions.is_promoted = 1 or outcomes.decision = 'promote' then 'promoted'
            when outcomes.decision = 'hold_back' then 'held_back'
            else {{ cards }}.gate
        end as decision,
        coalesce(
            decisions.reason,
            'Experiment ' || trials_of_fits.experiment || ' is not over.',
            outcomes.reason,
            {{ cards }}.gate_reason
        ) as decision_reason
    from {{ cards }}
    left join decisions on {{ cards }}.model_version = decisions.model_version
    left join outcomes on {{ cards }}.model_version = outcomes.model
    left join trials_of_fits on {{ cards }}.fit_number = trials_of_fits.fit_number
),

ranked as (
    select
        decided.*,
        case
            when decided.decision in ('no_model', 'rejected') then 0
            when decided.decision = 'pinned' then 5
            when decided.decision = 'held' then 4
            when decided.decision in ('promoted', 'passed') then 3
            when {{ needs_proof }} then 0
            when decided.decision in ('on_trial', 'held_back') then 1
            when decided.model_status in ('exploratory', 'proven') then 2
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
    select
        coalesce(
            max(case when placed.decision = 'on_trial' then placed.fit_number end), max(placed.fit_number)
        ) as fit_number
    from placed
    cross join champion
    where
        placed.decision not in ('no_model', 'rejected')
        and (champion.fit_number is null or placed.fit_number > champion.fit_number or placed.decision = 'on_trial')
        and placed.fit_number != coalesce(champion.fit_number, -1)
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
