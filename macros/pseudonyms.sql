{#- Keyed pseudonyms. The key material is a session variable (DuckDB) or a column of a restricted table (Redshift):
    no statement carries it. Construction and golden vectors: src/clientele/privacy/keys.py. -#}

{% macro user_key(user_id) %}
    {{- return(adapter.dispatch('user_key', 'clientele')(user_id)) -}}
{% endmacro %}

{% macro duckdb__user_key(user_id) -%}
    left(sha256(getvariable('clientele_keys').user_outer || sha256(getvariable('clientele_keys').user_inner || 'user:v1:' || {{ user_id }})), 32)
{%- endmacro %}


{% macro session_sk(user_session) %}
    {{- return(adapter.dispatch('session_sk', 'clientele')(user_session)) -}}
{% endmacro %}

{% macro duckdb__session_sk(user_session) -%}
    {#- the mask is 0 until the key is rotated -#}
    xor(
        {{ clientele.hex_to_integer("sha256(getvariable('clientele_keys').session || 'session:v1:' || " ~ user_session ~ ")") }},
        getvariable('clientele_keys').session_mask
    )
{%- endmacro %}


{% macro erased_hash(user_id) %}
    {#- What a tombstone is known by: under keys of its own, which outlive a rotation of the pseudonyms' key. -#}
    {{- return(adapter.dispatch('erased_hash', 'clientele')(user_id)) -}}
{% endmacro %}

{% macro duckdb__erased_hash(user_id) -%}
    left(sha256(getvariable('clientele_keys').erased_outer || sha256(getvariable('clientele_keys').erased_inner || 'erased:v1:' || {{ user_id }})), 32)
{%- endmacro %}


{% macro new_key_ring() %}
    {#- An SQL expression: a ring for a new warehouse, sealed with the key of this build (src/clientele/privacy/keys.py). -#}
    {{ return(adapter.dispatch('new_key_ring', 'clientele')()) }}
{% endmacro %}

{% macro duckdb__new_key_ring() %}{{ return('clientele_new_ring()') }}{% endmacro %}


{% macro key_ring_opens(sealed) %}
    {#- An SQL condition: the key of this build is the one that the ring is sealed with. -#}
    {{ return(adapter.dispatch('key_ring_opens', 'clientele')(sealed)) }}
{% endmacro %}

{% macro duckdb__key_ring_opens(sealed) %}{{ return("clientele_ring_opens(" ~ sealed ~ ") = 'true'") }}{% endmacro %}


{% macro reseal_key_ring() %}
    {#- Gives a ring that an earlier version has sealed the seal of this one; the ring itself stays. -#}
    {{ return(adapter.dispatch('reseal_key_ring', 'clientele')()) }}
{% endmacro %}

{% macro default__reseal_key_ring() %}{% endmacro %}

{% macro duckdb__reseal_key_ring() %}
    {%- set ring = clientele.register('key_ring') -%}
    {%- if run_query("select count(*) from " ~ ring ~ " where sealed like 'v1.%'").columns[0].values()[0] > 0 -%}
        {%- do run_query('update ' ~ ring ~ ' set sealed = clientele_resealed_ring(sealed)') -%}
    {%- endif -%}
{% endmacro %}


{% macro hex_to_integer(hex) %}
    {#- The first 60 bits of a hexadecimal text as a bigint. -#}
    {{- return(adapter.dispatch('hex_to_integer', 'clientele')(hex)) -}}
{% endmacro %}

{% macro duckdb__hex_to_integer(hex) -%}
    cast('0x' || left({{ hex }}, 15) as bigint)
{%- endmacro %}
