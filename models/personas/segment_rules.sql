{#- Grain: one persona of the champion and rule of the surrogate tree: the persona in plain words, and how far the rule
    may be believed. Written at the fit; nothing is fitted here. -#}

with

fits as (
    select * from {{ ref('segment_fits') }} where row_kind in ('rule_words', 'rule_fidelity')
),

champion as (
    select fit_number from {{ ref('segment_models') }} where is_champion
),

of_champion as (
    select fits.*
    from fits
    inner join champion on fits.fit_number = champion.fit_number
),

rules as (
    select
        model_version,
        segment_id,
        item_position,
        max(case when item = 'en' then text end) as rule_text,
        max(case when item = 'fr' then text end) as rule_text_fr,
        max(value) as coverage,
        max(feature_mean) as rule_precision
    from of_champion
    where row_kind = 'rule_words'
    group by model_version, segment_id, item_position
),

fidelity as (
    select
        segment_id,
        max(case when item = 'precision' then value end) as persona_precision,
        max(case when item = 'recall' then value end) as persona_recall
    from of_champion
    where row_kind = 'rule_fidelity'
    group by segment_id
),

overall as (
    select
        max(case when item = 'accuracy' then value end) as tree_accuracy,
        max(case when item = 'n_users' then value end) as n_judged
    from of_champion
    where row_kind = 'rule_fidelity'
),

final as (
    select
        rules.model_version,
        cast(rules.segment_id as integer) as segment_id,
        cast(rules.item_position as integer) as rule_number,
        cast(rules.rule_text as varchar(2048)) as rule_text,
        cast(rules.rule_text_fr as varchar(2048)) as rule_text_fr,
        rules.coverage,
        rules.rule_precision,
        fidelity.persona_precision,
        fidelity.persona_recall,
        overall.tree_accuracy,
        cast(overall.n_judged as bigint) as n_judged
    from rules
    inner join fidelity on rules.segment_id = fidelity.segment_id
    cross join overall
)

select * from final
