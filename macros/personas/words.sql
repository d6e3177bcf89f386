{#- The words of one model: the names of its personas, and the rules that tell them. Written at the fit, read here. -#}

{% macro persona_label_ctes(flag) %}
    {#- CTEs that end in `persona_labels`: the personas of the model that segment_models marks with `flag`, with the names
        that the fit gave, or a person's (segment_name_overrides; a row for this very model goes before one for all). -#}
name_rows as (
    select * from {{ ref('segment_fits') }} where row_kind = 'name'
),

named_model as (
    select fit_number from {{ ref('segment_models') }} where {{ flag }}
),

name_overrides as (
    select * from {{ ref('segment_name_overrides') }}
),

fitted_names as (
    select
        name_rows.model_version,
        cast(name_rows.segment_id as integer) as segment_id,
        max(case when name_rows.item = 'en' then name_rows.text end) as name_en,
        max(case when name_rows.item = 'fr' then name_rows.text end) as name_fr,
        max(case when name_rows.item = 'named_after' then name_rows.text end) as named_after,
        max(case when name_rows.item = '(cohort)' then name_rows.text end) as first_seen_week
    from name_rows
    inner join named_model on name_rows.fit_number = named_model.fit_number
    group by name_rows.model_version, cast(name_rows.segment_id as integer)
),

persona_labels as (
    select
        fitted_names.model_version,
        fitted_names.segment_id,
        cast(coalesce(own.name_en, standing.name_en, fitted_names.name_en) as varchar(256)) as segment_name,
        cast(coalesce(own.name_fr, standing.name_fr, fitted_names.name_fr) as varchar(256)) as segment_name_fr,
        fitted_names.named_after,
        cast(cast(fitted_names.first_seen_week as varchar(10)) as date) as first_seen_week,
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
rule_rows as (
    select * from {{ ref('segment_fits') }} where row_kind in ('rule_words', 'rule_fidelity')
),

ruled_model as (
    select fit_number from {{ ref('segment_models') }} where {{ flag }}
),

rules_of_model as (
    select rule_rows.*
    from rule_rows
    inner join ruled_model on rule_rows.fit_number = ruled_model.fit_number
),

worded_rules as (
    select
        model_version,
        segment_id,
        item_position,
        max(case when item = 'en' then text end) as rule_text,
        max(case when item = 'fr' then text end) as rule_text_fr,
        max(value) as coverage,
        max(feature_mean) as rule_precision
    from rules_of_model
    where row_kind = 'rule_words'
    group by model_version, segment_id, item_position
),

rule_fidelity as (
    select
        segment_id,
        max(case when item = 'precision' then value end) as persona_precision,
        max(case when item = 'recall' then value end) as persona_recall
    from rules_of_model
    where row_kind = 'rule_fidelity'
    group by segment_id
),

tree_fidelity as (
    select
        max(case when item = 'accuracy' then value end) as tree_accuracy,
        max(case when item = 'n_users' then value end) as n_judged
    from rules_of_model
    where row_kind = 'rule_fidelity'
),

persona_rules as (
    select
        worded_rules.model_version,
        cast(worded_rules.segment_id as integer) as segment_id,
        cast(worded_rules.item_position as integer) as rule_number,
        cast(worded_rules.rule_text as varchar(2048)) as rule_text,
        cast(worded_rules.rule_text_fr as varchar(2048)) as rule_text_fr,
        worded_rules.coverage,
        worded_rules.rule_precision,
        rule_fidelity.persona_precision,
        rule_fidelity.persona_recall,
        tree_fidelity.tree_accuracy,
        cast(tree_fidelity.n_judged as bigint) as n_judged
    from worded_rules
    inner join rule_fidelity on worded_rules.segment_id = rule_fidelity.segment_id
    cross join tree_fidelity
)
{% endmacro %}
