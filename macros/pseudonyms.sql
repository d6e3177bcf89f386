{#- Keyed pseudonyms. The key material is a session variable (DuckDB) or a column of a restricted table (Redshift):
    no statement carries it. Construction and golden vectors: src/clientele/keys.py. -#}

{% macro user_key(user_id) %}
    {{- return(adapter.dispatch('user_key', 'clientele')(user_id)) -}}
{% endmacro %}

{% macro duckdb__user_key(user_id) -%}
    left(sha256(getvariable('clientele_user_outer') || sha256(getvariable('clientele_user_inner') || 'user:v1:' || {{ user_id }})), 32)
{%- endmacro %}


{% macro session_sk(user_session) %}
    {{- return(adapter.dispatch('session_sk', 'clientele')(user_session)) -}}
{% endmacro %}

{% macro duckdb__session_sk(user_session) -%}
    {{ clientele.hex_to_integer("sha256(getvariable('clientele_session') || 'session:v1:' || " ~ user_session ~ ")") }}
{%- endmacro %}


{% macro hex_to_integer(hex) %}
    {#- The first 60 bits of a hexadecimal text as a bigint. -#}
    {{- return(adapter.dispatch('hex_to_integer', 'clientele')(hex)) -}}
{% endmacro %}

{% macro duckdb__hex_to_integer(hex) -%}
    cast('0x' || left({{ hex }}, 15) as bigint)
{%- endmacro %}
