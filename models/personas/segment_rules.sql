{#- Grain: one persona of the champion and rule of the surrogate tree: the persona in plain words, and how far the rule
    may be believed. Written at the fit; nothing is fitted here. -#}

with

champion as (
    select fit_number from {{ ref('segment_models') }} where is_champion
),

rule_words as (
    {{ clientele.fit_part(ref('persona_fit_fields'), 'rule_words', {
        'segment_id': 'integer',
        'rule_number': 'integer',
        'language': 'varchar(16)',
        'words': 'varchar(2048)',
        'coverage': 'double precision',
        'rule_precision': 'double precision',
    }) }}
),

rule_fidelity as (
    {{ clientele.fit_part(ref('persona_fit_fields'), 'rule_fidelity', {
        'segment_id': 'integer',
        'metric': 'varchar(256)',
        'value': 'double precision',
    }) }}
),

rules as (
    select
        rule_words.model_version,
        rule_words.segment_id,
        rule_words.rule_number,
        max(case when rule_words.language = 'en' then rule_words.words end) as rule_text,
        max(case when rule_words.language = 'fr' then rule_words.words end) as rule_text_fr,
        max(rule_words.coverage) as coverage,
        max(rule_words.rule_precision) as rule_precision
    from rule_words
    inner join champion on rule_words.fit_number = champion.fit_number
    group by rule_words.model_version, rule_words.segment_id, rule_words.rule_number
),

of_champion as (
    select rule_fidelity.*
    from rule_fidelity
    inner join champion on rule_fidelity.fit_number = champion.fit_number
),

fidelity as (
    select
        segment_id,
        max(case when metric = 'precision' then value end) as persona_precision,
        max(case when metric = 'recall' then value end) as persona_recall
    from of_champion
    group by segment_id
),

overall as (
    select
        max(case when metric = 'accuracy' then value end) as tree_accuracy,
        max(case when metric = 'n_users' then value end) as n_judged
    from of_champion
),

final as (
    select
        rules.model_version,
        rules.segment_id,
        rules.rule_number,
        rules.rule_text,
        rules.rule_text_fr,
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
