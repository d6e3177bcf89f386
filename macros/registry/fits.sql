{#- When a model is fitted. -#}

{% macro fit_is_due(fits_of='segment_fits', row_kind='weight') %}
    {#- A model is fitted when there is none, when the var refit asks for it, when a row of segment_decisions asks for
        a successor of the newest one, or when the last build left the newest with features that have changed since. A full refresh reads the files again and keeps the models. Compiling alone never
        asks the database. `fits_of`: the table with all fits, in core; `row_kind`: the kind of its rows that a fit without
        a model does not have. -#}
    {%- set decisions = ref('segment_decisions') -%}
    {%- if not execute or flags.WHICH not in ['build', 'run', 'retry'] -%}{{ return(true) }}{%- endif -%}
    {%- if clientele.setting('refit') -%}{{ return(true) }}{%- endif -%}
    {%- set fits = adapter.get_relation(database=target.database, schema='core', identifier=fits_of) -%}
    {%- if fits is none -%}{{ return(true) }}{%- endif -%}
    {%- set n_models = run_query("select count(*) from " ~ fits ~ " where row_kind = '" ~ row_kind ~ "'").columns[0].values()[0] -%}
    {%- if n_models | int == 0 -%}{{ return(true) }}{%- endif -%}
    {%- if fits_of == 'segment_fits' and clientele.are_features_outdated() -%}{{ return(true) }}{%- endif -%}
    {%- set decisions_built = adapter.get_relation(
        database=decisions.database, schema=decisions.schema, identifier=decisions.identifier
    ) -%}
    {%- if decisions_built is none -%}{{ return(false) }}{%- endif -%}
    {%- set n_requests = run_query(
        "select count(*) from (select model_version, min(fit_number) as fit_number from " ~ fits ~ " group by model_version) as fitted"
        ~ " inner join " ~ decisions_built ~ " as decisions on fitted.model_version = decisions.model_version"
        ~ " where decisions.decision = 'refit' and fitted.fit_number = (select max(fit_number) from " ~ fits ~ ")"
    ).columns[0].values()[0] -%}
    {{ return(n_requests | int > 0) }}
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


{% macro study_is_due() %}
    {#- Whether long histories are cut to parts in this build: with each fit, and as long as a model waits for its study of
        short histories, because the shop had too few long ones. Compiling alone never asks the database. -#}
    {%- if clientele.setting('compare_early') or clientele.fit_is_due() -%}{{ return(true) }}{%- endif -%}
    {%- set tables = [] -%}
    {%- for name in ['segment_fits', 'segment_studies'] -%}
        {%- do tables.append(adapter.get_relation(database=target.database, schema='core', identifier=name)) -%}
    {%- endfor -%}
    {%- if none in tables -%}{{ return(true) }}{%- endif -%}
    {%- set n_models = run_query(
        "select count(*) from " ~ tables[0] ~ " where row_kind = 'weight' and fit_number not in (select fit_number from " ~ tables[1] ~ ")"
    ).columns[0].values()[0] -%}
    {{ return(n_models | int > 0) }}
{% endmacro %}


{% macro judged_card_ctes(cards, fits) %}
    {#- CTEs that end in `judged_cards`: the rows of the CTE `cards`, and whether the features are made today as they were
        when the model was fitted. `fits`: the rows of segment_fits. -#}
-- what the features were made with when a version was fitted, or last came out of a fit again
marks as (
    select
        model_version,
        fit_number,
        max(text) as features_hash,
        row_number() over (partition by model_version order by fit_number desc nulls last) as place
    from {{ fits }}
    where item = 'features_hash'
    group by model_version, fit_number
),

newest_marks as (
    select model_version, features_hash from marks where place = 1
),

judged_cards as (
    select
        cards.*,
        coalesce(newest_marks.features_hash = fit_request.features_hash, false) as are_features_current
    from {{ cards }} as cards
    cross join {{ ref('fit_request') }} as fit_request
    left join newest_marks on cards.model_version = newest_marks.model_version
)
{% endmacro %}
