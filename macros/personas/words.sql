{#- The words of one model: the names of its personas, and the rules that tell them. Written at the fit, read here. -#}

{% macro persona_label_ctes(flag) %}
    {#- CTEs that end in `persona_labels`: the personas of the model that segment_models marks with `flag`, with the names
        that the fit gave, or a person's (segment_name_overrides; a row for this very model goes before one for all). -#}
fitted_words as (
    {{ clientele.fit_part(ref('persona_fit_fields'), 'name', {
        'segment_id': 'integer',
        'segment_name_en': 'varchar(256)',
        'segment_name_fr': 'varchar(256)',
        'named_after': 'varchar(4096)',
        'first_seen_week': 'varchar(10)',
    }) }}
),

named_model as (
    select fit_number from {{ ref('segment_models') }} where {{ flag }}
),

name_overrides as (
    select * from {{ ref('segment_name_overrides') }}
),

fitted_names as (
    select
        fitted_words.model_version,
        fitted_words.segment_id,
        fitted_words.segment_name_en as name_en,
        fitted_words.segment_name_fr as name_fr,
        fitted_words.named_after,
        fitted_words.first_seen_week
    from fitted_words
    inner join named_model on fitted_words.fit_number = named_model.fit_number
),

persona_labels as (
    select
        fitted_names.model_version,
        fitted_names.segment_id,
        cast(coalesce(own.name_en, standing.name_en, fitted_names.name_en) as varchar(256)) as segment_name,
        cast(coalesce(own.name_fr, standing.name_fr, fitted_names.name_fr) as varchar(256)) as segment_name_fr,
        fitted_names.named_after,
        cast(fitted_names.first_seen_week as date) as first_seen_week,
        coalesce(own.decided_by, standing.decided_by) as named_by
    from fitted_names
    left join name_overrides as own
        on fitted_names.model_version = own.model_version and fitted_names.segment_id = own.segment_id
    left join name_overrides as standing
        on standing.model_version = '*' and fitted_names.segment_id = standing.segment_id
)
{% endmacro %}


{% macro persona_rule_ctes(flag) %}
    {#- CTEs that end in `persona_rules`: the rules of the surrogate tree of the model that segment_models marks. -#}
ruled_model as (
    select fit_number from {{ ref('segment_models') }} where {{ flag }}
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

worded_rules as (
    select
        rule_words.model_version,
        rule_words.segment_id,
        rule_words.rule_number,
        max(case when rule_words.language = 'en' then rule_words.words end) as rule_text,
        max(case when rule_words.language = 'fr' then rule_words.words end) as rule_text_fr,
        max(rule_words.coverage) as coverage,
        max(rule_words.rule_precision) as rule_precision
    from rule_words
    inner join ruled_model on rule_words.fit_number = ruled_model.fit_number
    group by rule_words.model_version, rule_words.segment_id, rule_words.rule_number
),

fidelity_rows as (
    select rule_fidelity.*
    from rule_fidelity
    inner join ruled_model on rule_fidelity.fit_number = ruled_model.fit_number
),

persona_fidelity as (
    select
        segment_id,
        max(case when metric = 'precision' then value end) as persona_precision,
        max(case when metric = 'recall' then value end) as persona_recall
    from fidelity_rows
    group by segment_id
),

tree_fidelity as (
    select
        max(case when metric = 'accuracy' then value end) as tree_accuracy,
        max(case when metric = 'n_users' then value end) as n_judged
    from fidelity_rows
),

persona_rules as (
    select
        worded_rules.model_version,
        worded_rules.segment_id,
        worded_rules.rule_number,
        worded_rules.rule_text,
        worded_rules.rule_text_fr,
        worded_rules.coverage,
        worded_rules.rule_precision,
        persona_fidelity.persona_precision,
        persona_fidelity.persona_recall,
        tree_fidelity.tree_accuracy,
        cast(tree_fidelity.n_judged as bigint) as n_judged
    from worded_rules
    inner join persona_fidelity on worded_rules.segment_id = persona_fidelity.segment_id
    cross join tree_fidelity
)
{% endmacro %}
