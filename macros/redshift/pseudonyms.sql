{#- Keyed pseudonyms on Redshift. The key material is the one row of vault.pseudonym_key, a table that only the pipeline's
    role may read and that `python -m clientele.redshift_key` fills: statements name its columns, and none its values. -#}

{% macro redshift__key_material(column) -%}
    (select max({{ column }}) from vault.pseudonym_key)
{%- endmacro %}


{% macro redshift__user_key(user_id) -%}
    {%- set inner = "sha2(" ~ clientele.redshift__key_material('user_inner') ~ " || 'user:v1:' || " ~ user_id ~ ", 256)" -%}
    left(sha2({{ clientele.redshift__key_material('user_outer') }} || {{ inner }}, 256), 32)
{%- endmacro %}


{% macro redshift__session_sk(user_session) -%}
    {{ clientele.hex_to_integer(
        "sha2(" ~ clientele.redshift__key_material('session') ~ " || 'session:v1:' || " ~ user_session ~ ", 256)"
    ) }}
{%- endmacro %}


{% macro redshift__erased_hash(user_id) -%}
    {#- The key is not rotated in place here, so tombstones need no keys of their own. -#}
    {%- set inner = "sha2(" ~ clientele.redshift__key_material('user_inner') ~ " || 'erased:v1:' || " ~ user_id ~ ", 256)" -%}
    left(sha2({{ clientele.redshift__key_material('user_outer') }} || {{ inner }}, 256), 32)
{%- endmacro %}


{% macro redshift__new_key_ring() %}
    {#- A fingerprint of the key material, which tells nothing about it. -#}
    {{ return("sha2(" ~ clientele.redshift__key_material('user_outer') ~ " || 'ring:v1:', 256)") }}
{% endmacro %}

{% macro redshift__key_ring_opens(sealed) %}
    {{ return(sealed ~ " = " ~ clientele.redshift__new_key_ring()) }}
{% endmacro %}


{% macro redshift__hex_to_integer(hex) -%}
    strtol(left({{ hex }}, 15), 16)
{%- endmacro %}


{% macro redshift__pseudonym_key_problem() %}
    {%- set relation = adapter.get_relation(database=target.database, schema='vault', identifier='pseudonym_key') -%}
    {%- if relation is none -%}
        {{ return('There is no table vault.pseudonym_key, and without key material no file is read. Make it once, with '
            ~ 'CLIENTELE_PSEUDONYM_KEY set: python -m clientele.redshift_key') }}
    {%- endif -%}
    {%- set n_good = run_query(
        'select count(*) from (select count(*) as n_rows, min(length(user_inner)) as n_inner, min(length(user_outer)) as n_outer, '
        ~ 'min(length(session)) as n_session from ' ~ relation ~ ') as held '
        ~ 'where n_rows = 1 and n_inner = 64 and n_outer = 64 and n_session = 32'
    ).columns[0].values()[0] -%}
    {%- if n_good | int == 0 -%}
        {{ return('vault.pseudonym_key does not hold exactly one row of key material. Fill it again, with '
            ~ 'CLIENTELE_PSEUDONYM_KEY set to the key that this warehouse was built with: python -m clientele.redshift_key') }}
    {%- endif -%}
    {{ return(none) }}
{% endmacro %}
