{#- Keyed pseudonyms. The key material is a session variable (DuckDB) or a column of a restricted table (Redshift):
    no statement carries it. Construction and golden vectors: src/clientele/privacy/keys.py. -#}

{% macro user_key(user_id) %}
    {{- return(adapter.dispatch('user_key', 'clientele')(user_id)) -}}
{% endmacro %}


{% macro session_sk(user_session) %}
    {{- return(adapter.dispatch('session_sk', 'clientele')(user_session)) -}}
{% endmacro %}


{% macro erased_hash(user_id) %}
    {#- What a tombstone is known by: under keys of its own, which outlive a rotation of the pseudonyms' key. -#}
    {{- return(adapter.dispatch('erased_hash', 'clientele')(user_id)) -}}
{% endmacro %}


{% macro experiment_draw(text) %}
    {#- A bigint from 0 to 2^60 - 1 from a text: who has no key cannot tell which arm of an experiment a customer draws. -#}
    {{- return(adapter.dispatch('experiment_draw', 'clientele')(text)) -}}
{% endmacro %}


{% macro new_key_ring() %}
    {#- An SQL expression: a ring for a new warehouse, sealed with the key of this build (src/clientele/privacy/keys.py). -#}
    {{ return(adapter.dispatch('new_key_ring', 'clientele')()) }}
{% endmacro %}


{% macro key_ring_opens(sealed) %}
    {#- An SQL condition: the key of this build is the one that the ring is sealed with. -#}
    {{ return(adapter.dispatch('key_ring_opens', 'clientele')(sealed)) }}
{% endmacro %}


{% macro reseal_key_ring() %}
    {#- Gives a ring that an earlier version has sealed the seal of this one; the ring itself stays. -#}
    {{ return(adapter.dispatch('reseal_key_ring', 'clientele')()) }}
{% endmacro %}


{% macro hex_to_integer(hex) %}
    {#- The first 60 bits of a hexadecimal text as a bigint. -#}
    {{- return(adapter.dispatch('hex_to_integer', 'clientele')(hex)) -}}
{% endmacro %}
