{#- One spelling for an id, whatever a tool made of it. The twin in Python is clientele.ids; tests/intake/test_ids.py
    holds both against the same texts. -#}

{% macro id_kind(of) %}
    {#- 'integer' or 'text', for 'user', 'product' or 'category'. -#}
    {{ return(clientele.setting(of ~ '_id_kind')) }}
{% endmacro %}


{% macro id_type(kind) -%}
    {{ 'bigint' if kind == 'integer' else 'varchar(256)' }}
{%- endmacro %}


{% macro normal_id(expression, kind) %}
    {#- An id as the warehouse keeps it (id_type), NULL when the text is none of this kind. integer: without blanks and
        characters of no width, NFKC, without a plus, leading zeros and a fraction of zeros; anything else that is no plain
        number of 64 bits is none. text: without blanks and characters of no width, NFKC, case kept, up to 256 characters, and
        without the escapes of links. -#}
    {%- if kind == 'integer' -%}
        {{- return(clientele.whole_number(expression)) -}}
    {%- elif kind == 'text' -%}
        {%- set normal = clientele.normal_text(clientele.without_escapes(expression)) -%}
        {{- return("case when length(" ~ normal ~ ") between 1 and 256 then " ~ normal ~ " end") -}}
    {%- endif -%}
    {{ clientele.refuse("normal_id: an id is of the kind integer or text, not '" ~ kind ~ "'") }}
{% endmacro %}


{% macro without_escapes(text) -%}
    {#- A text with the characters that a link's escapes stand for: %40 is @. The percent sign comes last, so that %2540 is
        the text %40. Engines that decode differ in what is no escape, so each one is replaced; most texts have none. -#}
    {%- set decoded = namespace(sql=text) -%}
    {%- for code in ['0A', '0D', '20', '21', '27', '28', '29', '2A', '2B', '2C', '2D', '2E', '2F', '3A', '3D', '40', '5F', '7C', '7E', '25'] -%}
        {%- for form in [code, code | lower] | unique(case_sensitive=true) -%}
            {%- set decoded.sql = 'replace(' ~ decoded.sql ~ ", chr(37) || '" ~ form ~ "', chr(" ~ code | int(base=16) ~ '))' -%}
        {%- endfor -%}
    {%- endfor -%}
    case when position(chr(37) in {{ text }}) > 0 then {{ decoded.sql }} else {{ text }} end
{%- endmacro %}


{% macro normal_text(text) %}
    {#- A text in Unicode's form NFKC, without characters of no width and without blanks around it. -#}
    {{- return(adapter.dispatch('normal_text', 'clientele')(text)) -}}
{% endmacro %}
