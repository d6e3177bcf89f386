{#- Experiments as code: dbt exposures with `experiment` in their meta, as audiences are. Owner, label and description are
    dbt's own. docs/campaigns.md has the grammar, docs/decisions/0108-how-arms-are-drawn.md the reasons. -#}

{% macro experiment_definitions() %}
    {#- {name: {file, label, label_fr, description, owner, purpose, audience, starts, horizon_days, measure, smallest_effect,
        guardrails, when_too_small, strata, control, playbook, arms}} in the order of names. Empty while dbt parses. -#}
    {{ return(clientele.exposure_definitions('experiment', {
        'guardrails': [], 'when_too_small': 'refuse', 'strata': ['persona', 'value_tier'], 'control': 'holdout'
    })) }}
{% endmacro %}


{% macro experiment_measures() %}
    {#- What may be measured of a customer in a number of days: SQL over the customer's sessions of these days. -#}
    {{ return({
        'revenue': {'sql': 'sum(revenue)', 'label': 'Revenue', 'label_fr': 'Chiffre d’affaires'},
        'orders': {'sql': 'sum(case when n_purchases > 0 then 1 else 0 end)', 'label': 'Orders', 'label_fr': 'Commandes'},
        'buyers': {'sql': 'max(case when n_purchases > 0 then 1 else 0 end)', 'label': 'Share who order', 'label_fr': 'Part d’acheteurs'},
        'visits': {'sql': 'count(distinct started_date)', 'label': 'Days with a visit', 'label_fr': 'Jours de visite'},
    }) }}
{% endmacro %}


{% macro sound_experiments() %}
    {#- Definitions without a problem, by name. -#}
    {%- set wrong = clientele.experiment_problems() | map(attribute='experiment') | list -%}
    {%- set found = {} -%}
    {%- for name, definition in clientele.experiment_definitions().items() if name not in wrong -%}
        {%- do found.update({name: definition}) -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}


{% macro started_experiments() %}
    {#- Names of experiments whose arms were drawn by an earlier build. Compiling alone never asks the database. -#}
    {%- if not execute or flags.WHICH not in ['build', 'run', 'retry'] -%}{{ return([]) }}{%- endif -%}
    {%- set drawn = adapter.get_relation(database=target.database, schema='core', identifier='experiment_assignments') -%}
    {%- if drawn is none -%}{{ return([]) }}{%- endif -%}
    {{ return(run_query('select distinct experiment from ' ~ drawn ~ ' order by experiment').columns[0].values() | list) }}
{% endmacro %}


{% macro check_experiments() %}
    {#- on-run-start: refuses experiments that are not what they should be. -#}
    {%- if execute -%}
        {{ clientele.refuse_problems('experiment', clientele.experiment_problems(), 'Not every experiment can be drawn:') }}
    {%- endif -%}
{% endmacro %}


{% macro tell_experiment_problems() %}
    {#- dbt run-operation, for clientele experiments check. -#}
    {%- if execute -%}
        {{ clientele.tell_problems('experiment', clientele.experiment_problems(), clientele.experiment_definitions()) }}
    {%- endif -%}
{% endmacro %}
