{#- Deterministic samples of users. A user_sk is 60 bits of a keyed hash, so that those below a threshold are a uniform
    sample, the same in every run and whatever the order of rows. -#}

{% macro sampled(users, n_sample) %}
    {#- user_sk of about n_sample users (never more than a few standard deviations above) out of `users`, a CTE. -#}
    select {{ users }}.user_sk
    from {{ users }}
    cross join (select {{ clientele.double('count(*)') }} as n_users from {{ users }}) as counted
    where {{ clientele.double(users ~ '.user_sk') }} < 1152921504606846976.0 * {{ n_sample }} / counted.n_users
{% endmacro %}


{% macro fit_is_due(fits_of='segment_fits', row_kind='weight') %}
    {#- A model is fitted when there is none, when the var refit asks for it, or when a row of segment_decisions asks for
        a successor of the newest one. Compiling alone never asks the database. `fits_of`: the table with all fits, in
        core; `row_kind`: the kind of its rows that a fit without a model does not have. -#}
    {%- set decisions = ref('segment_decisions') -%}
    {%- if not execute or flags.WHICH not in ['build', 'run', 'retry'] -%}{{ return(true) }}{%- endif -%}
    {%- if clientele.setting('refit') or flags.FULL_REFRESH -%}{{ return(true) }}{%- endif -%}
    {%- set fits = adapter.get_relation(database=target.database, schema='core', identifier=fits_of) -%}
    {%- if fits is none -%}{{ return(true) }}{%- endif -%}
    {%- set n_models = run_query("select count(*) from " ~ fits ~ " where row_kind = '" ~ row_kind ~ "'").columns[0].values()[0] -%}
    {%- if n_models | int == 0 -%}{{ return(true) }}{%- endif -%}
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
