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


{% macro arm_condition(experiment, arm, place) %}
    {#- {sql, problems, uses_personas} of an arm's `where`: who of the arm is treated, in the grammar of audiences. It may use what
        models say that do not score, too. -#}
    {%- set seen = {
        'name': experiment.name, 'file': experiment.file, 'path': [], 'problems': [], 'uses_personas': false, 'personas': [],
        'fields': clientele.audience_fields(on_trial=true), 'definitions': clientele.audience_definitions(),
        'read': [],
    } -%}
    {%- set sql = clientele.audience_condition(arm['where'], place ~ ' > where', seen) -%}
    {{ return({'sql': sql, 'problems': seen.problems, 'uses_personas': seen.uses_personas}) }}
{% endmacro %}


{% macro chosen_arms() %}
    {#- [{experiment, arm, sql, needs_proof}] of the arms of sound experiments that say `where`. needs_proof: it asks for personas, and
        names no model, so the one that scores has to be proven or promoted. -#}
    {%- set found = [] -%}
    {%- for experiment in clientele.sound_experiments().values() -%}
        {%- for arm in experiment.arms if 'where' in arm -%}
            {%- set compiled = clientele.arm_condition(experiment, arm, 'arms') -%}
            {%- do found.append({
                'experiment': experiment.name, 'arm': arm.name, 'sql': compiled.sql,
                'needs_proof': compiled.uses_personas and 'model' not in arm,
            }) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}


{% macro design_hash(experiment) %}
    {#- What of an experiment must not change once its arms are drawn, as one text: who chooses a measure, a horizon or a bar after a look
        at the figures finds what he looks for. -#}
    {%- set arms = [] -%}
    {%- for arm in experiment.arms -%}
        {%- do arms.append([arm.name, arm.share | string, arm.get('model', ''), tojson(arm.get('where', ''), sort_keys=true)]) -%}
    {%- endfor -%}
    {{ return(local_md5(tojson([
        experiment.audience, experiment.horizon_days, experiment.measure, experiment.guardrails | sort, experiment.control, arms
    ]))) }}
{% endmacro %}


{% macro is_day(value) %}
    {#- Whether a text is a day of this century, as 2027-12-31. -#}
    {%- if not modules.re.fullmatch('20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])', value | string) -%}{{ return(false) }}{%- endif -%}
    {%- set year, month, day = (value | string).split('-') | map('int') -%}
    {%- set days = [31, 29 if year % 4 == 0 else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] -%}
    {{ return(day <= days[month - 1]) }}
{% endmacro %}
