{#- Pseudonyms with the key material that the plug point put into session variables. -#}

{% macro duckdb__user_key(user_id) -%}
    left(sha256(getvariable('clientele_keys').user_outer || sha256(getvariable('clientele_keys').user_inner || 'user:v1:' || {{ user_id }})), 32)
{%- endmacro %}


{% macro duckdb__session_sk(user_session) -%}
    {#- the mask is 0 until the key is rotated -#}
    xor(
        {{ clientele.hex_to_integer("sha256(getvariable('clientele_keys').session || 'session:v1:' || " ~ user_session ~ ")") }},
        getvariable('clientele_keys').session_mask
    )
{%- endmacro %}


{% macro duckdb__erased_hash(user_id) -%}
    left(sha256(getvariable('clientele_keys').erased_outer || sha256(getvariable('clientele_keys').erased_inner || 'erased:v1:' || {{ user_id }})), 32)
{%- endmacro %}


{% macro duckdb__experiment_draw(text) -%}
    {{ clientele.hex_to_integer("sha256(getvariable('clientele_keys').session || 'experiment:v1:' || " ~ text ~ ")") }}
{%- endmacro %}


{% macro duckdb__new_key_ring() %}{{ return('clientele_new_ring()') }}{% endmacro %}


{% macro duckdb__key_ring_opens(sealed) %}{{ return("clientele_ring_opens(" ~ sealed ~ ") = 'true'") }}{% endmacro %}


{% macro duckdb__hex_to_integer(hex) -%}
    cast('0x' || left({{ hex }}, 15) as bigint)
{%- endmacro %}


{% macro duckdb__reseal_key_ring() %}
    {%- set ring = clientele.register('key_ring') -%}
    {%- if run_query("select count(*) from " ~ ring ~ " where sealed like 'v1.%'").columns[0].values()[0] > 0 -%}
        {%- do run_query('update ' ~ ring ~ ' set sealed = clientele_resealed_ring(sealed)') -%}
    {%- endif -%}
{% endmacro %}
