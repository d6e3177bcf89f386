{#- When a model is fitted, and how its parts are read. -#}

{% macro fit_part(fits, part, fields) %}
    {#- A select: one row per row of that part of each fit, with fit_number, model_version, row_position and a column per
        field. `fits`: a relation with the columns that clientele.learning.fields writes; `fields`: name and type. -#}
select
    fit_number,
    model_version,
    row_position,
    {% for field, type in fields.items() -%}
    {%- set kind = 'text_value' if type.startswith('varchar') else 'number_value' -%}
    cast(max(case when field = '{{ field }}' then {{ kind }} end) as {{ type }}) as {{ field }}{{ ',' if not loop.last }}
    {% endfor %}
from {{ fits }}
where part = '{{ part }}'
group by fit_number, model_version, row_position
{% endmacro %}

{% macro fit_is_due(fits_of='persona_fit_fields', part='weight') %}
    {#- A model is fitted when there is none, when the var refit asks for it, when a row of segment_decisions asks for
        a successor of the newest one, when that was fitted under other settings (of personas: when the last build left it with
        other features), or when the last build left it with drift that asks for a successor (monitor.refit_requests). A full
        refresh reads the files again and keeps the models. Compiling alone never asks the database. `fits_of`: the table
        with all fits, in core; `part`: what a fit without a model does not have. -#}
    {%- set decisions = ref('segment_decisions') -%}
    {%- if not execute or flags.WHICH not in ['build', 'run', 'retry'] -%}{{ return(true) }}{%- endif -%}
    {%- if clientele.setting('refit') -%}{{ return(true) }}{%- endif -%}
    {%- set fits = adapter.get_relation(database=target.database, schema='core', identifier=fits_of) -%}
    {%- if fits is none -%}{{ return(true) }}{%- endif -%}
    {%- set n_models = run_query("select count(*) from " ~ fits ~ " where part = '" ~ part ~ "'").columns[0].values()[0] -%}
    {%- if n_models | int == 0 -%}{{ return(true) }}{%- endif -%}
    {%- if fits_of == 'persona_fit_fields' -%}
        {%- if clientele.are_features_outdated() -%}{{ return(true) }}{%- endif -%}
    {%- elif clientele.is_fitted_otherwise(fits, fits_of) -%}
        {{ return(true) }}
    {%- endif -%}
    {%- if clientele.is_refit_requested(fits, fits_of) -%}{{ return(true) }}{%- endif -%}
    {%- set decisions_built = adapter.get_relation(
        database=decisions.database, schema=decisions.schema, identifier=decisions.identifier
    ) -%}
    {%- if decisions_built is none -%}{{ return(false) }}{%- endif -%}
    {%- set n_requests = run_query(
        "select count(*) from (select model_version, min(fit_number) as fit_number from " ~ fits ~ " group by model_version) as fitted"
        ~ " inner join " ~ decisions_built ~ " as decisions on fitted.model_version = decisions.model_version"
        ~ " where decisions.decision = 'refit' and fitted.fit_number = " ~ clientele.newest_fit(fits)
    ).columns[0].values()[0] -%}
    {{ return(n_requests | int > 0) }}
{% endmacro %}


{% macro is_fitted_otherwise(fits, fits_of) %}
    {#- Whether the newest fit was made under other settings than today's; of one that does not say so, nobody knows. -#}
    {%- set stored = run_query(
        "select max(text_value) from " ~ fits ~ " where part = 'card' and field = 'fit_settings' and fit_number = " ~ clientele.newest_fit(fits)
    ).columns[0].values()[0] -%}
    {%- if stored is none -%}{{ return(true) }}{%- endif -%}
    {%- set changed = clientele.changed_settings(stored) -%}
    {%- if changed and model.name.endswith('_request') -%}
        {{ print(fits_of ~ ': a fit is due, as ' ~ changed | join(', ')) }}
    {%- endif -%}
    {{ return(changed | length > 0) }}
{% endmacro %}


{% macro fit_settings(others=[]) %}
    {#- 'name=value; …', a literal: the settings that a fit is made under, for its card. Those of the kept tables that the request
        refers to, as their marks have them, and `others`. Without as_of and clock: the moment that a build describes moves on. -#}
    {%- set found = {} -%}
    {%- for name in others -%}{%- do found.update({name: (clientele.value_of_setting(name) | string).strip()}) -%}{%- endfor -%}
    {%- if execute and flags.WHICH in ['build', 'run', 'retry'] -%}
        {%- for settings in run_query(
            'select settings from ' ~ clientele.load_marks() ~ " where settings != '' and model_name in ('"
            ~ clientele.marked_parents(model.unique_id, []) | join("', '") ~ "')"
        ).columns[0].values() -%}
            {%- for entry in settings.split('; ') if entry.split('=')[0] not in ['as_of', 'clock'] -%}
                {%- do found.update({entry.split('=', 1)[0]: entry.split('=', 1)[1]}) -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endif -%}
    {%- set entries = [] -%}
    {%- for name, value in found | dictsort -%}{%- do entries.append(name ~ '=' ~ value) -%}{%- endfor -%}
    {{ return(clientele.literals([entries | join('; ')])) }}
{% endmacro %}


{% macro newest_fit(fits) -%}
    {#- SQL: the number of the newest fit; a deep challenger's, which stands beside one, does not count. -#}
    (select max(fit_number) from {{ fits }} where fit_number not in (select fit_number from {{ fits }} where field = 'layers'))
{%- endmacro %}


{% macro dated_fit_is_due(fits_of, n_days) %}
    {#- SQL: whether a fit is due as for every model (fit_is_due), or because the newest one is n_days old. Its card has an
        origin_date. An expression of as_of_date. -#}
    {%- if clientele.fit_is_due(fits_of, 'card') -%}{{ return('true') }}{%- endif -%}
    {%- set fits = adapter.get_relation(database=target.database, schema='core', identifier=fits_of) -%}
    {%- set newest = run_query(
        "select max(text_value) from " ~ fits ~ " where part = 'card' and field = 'origin_date'"
    ).columns[0].values()[0] -%}
    {%- if newest is none -%}{{ return('true') }}{%- endif -%}
    {{ return('as_of_date >= ' ~ dbt.dateadd('day', n_days, "cast('" ~ newest ~ "' as date)")) }}
{% endmacro %}


{% macro are_features_outdated() %}
    {#- Whether the last build found that the features have changed since the newest fit. The build of the change itself
        fits nothing: it says so, and takes the model's proof away. -#}
    {%- set models = adapter.get_relation(database=target.database, schema='core', identifier='segment_models') -%}
    {%- if models is none -%}{{ return(false) }}{%- endif -%}
    {%- if 'are_features_current' not in adapter.get_columns_in_relation(models) | map(attribute='name') -%}{{ return(false) }}{%- endif -%}
    {%- set n_outdated = run_query(
        'select count(*) from ' ~ models ~ ' where not are_features_current and fit_number = (select max(fit_number) from ' ~ models ~ ')'
    ).columns[0].values()[0] -%}
    {{ return(n_outdated | int > 0) }}
{% endmacro %}


{% macro is_refit_requested(fits, fits_of) %}
    {#- Whether the last build asked for a successor of the newest fit because of drift. It asks once for a model: a fit that came of it
        and has not passed the gate is the newest one then. -#}
    {%- set kinds = {'persona_fit_fields': 'personas', 'value_fit_fields': 'value', 'prediction_fit_fields': 'heads'} -%}
    {%- set requests = adapter.get_relation(database=target.database, schema='monitor', identifier='refit_requests') -%}
    {%- if requests is none or fits_of not in kinds -%}{{ return(false) }}{%- endif -%}
    {%- set n_requests = run_query(
        "select count(*) from " ~ requests ~ " as requests where model_kind = '" ~ kinds[fits_of] ~ "' and model_version in (select model_version from "
        ~ fits ~ " where fit_number = " ~ clientele.newest_fit(fits) ~ ")"
    ).columns[0].values()[0] -%}
    {{ return(n_requests | int > 0) }}
{% endmacro %}


{% macro study_is_due() %}
    {#- Whether long histories are cut to parts in this build: with each fit, and as long as a model waits for its study of
        short histories, because the shop had too few long ones. Compiling alone never asks the database. -#}
    {%- if clientele.setting('compare_early') or clientele.fit_is_due() -%}{{ return(true) }}{%- endif -%}
    {%- set tables = [] -%}
    {%- for name in ['persona_fit_fields', 'persona_study_fields'] -%}
        {%- do tables.append(adapter.get_relation(database=target.database, schema='core', identifier=name)) -%}
    {%- endfor -%}
    {%- if none in tables -%}{{ return(true) }}{%- endif -%}
    {%- set n_models = run_query(
        "select count(*) from " ~ tables[0] ~ " where part = 'weight' and fit_number not in (select fit_number from " ~ tables[1] ~ ")"
    ).columns[0].values()[0] -%}
    {{ return(n_models | int > 0) }}
{% endmacro %}


{% macro leaves_work() %}
    {#- Whether the next build does something that nobody asks it to: the tables of this one say so. -#}
    {%- for fits_of in ['persona_fit_fields', 'value_fit_fields', 'prediction_fit_fields'] -%}
        {%- set fits = adapter.get_relation(database=target.database, schema='core', identifier=fits_of) -%}
        {%- if fits is not none and clientele.is_refit_requested(fits, fits_of) -%}{{ return(true) }}{%- endif -%}
    {%- endfor -%}
    {{ return(clientele.has_fresh_outcome()) }}
{% endmacro %}
