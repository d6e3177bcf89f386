{#- From texts to values, on every engine alike. -#}

{% macro utc_timestamp(text) %}
    {{- return(adapter.dispatch('utc_timestamp', 'clientele')(text)) -}}
{% endmacro %}


{% macro fraction_of_second(text) %}
    {#- Nanoseconds of a time below its second, NULL where none are written. They decide whether two lines are the same event;
        an event itself is kept to the second. -#}
    {{- return(adapter.dispatch('fraction_of_second', 'clientele')(text)) -}}
{% endmacro %}


{% macro whole_number(text) %}
    {{- return(adapter.dispatch('whole_number', 'clientele')(text)) -}}
{% endmacro %}


{% macro decimal_number(text) %}
    {{- return(adapter.dispatch('decimal_number', 'clientele')(text)) -}}
{% endmacro %}


{% macro event_type_word(text) %}
    {#- The event type that a word stands for, in any case (seeds/event_type_map.csv); the word itself where it is not known. -#}
    {{- return(adapter.dispatch('event_type_word', 'clientele')(text)) -}}
{% endmacro %}


{% macro is_header_line(lines) %}
    {#- A condition: the line is a header, wherever it stands, or Excel's first line sep=, . -#}
    {{- return(adapter.dispatch('is_header_line', 'clientele')(lines)) -}}
{% endmacro %}


{% macro present(text, value=none) -%}
    {#- A text, or a value made of it, and NULL for an empty one and for a word that tools write for nothing. -#}
    {%- set shown = value or clientele.normal_text(text) -%}
    case when {{ shown }} = '' or {{ clientele.is_null_word(shown) }} then null else {{ shown }} end
{%- endmacro %}


{% macro is_null_word(text) -%}
    {#- Words are short: most texts are told from them by their length. -#}
    {%- set words = clientele.null_words() -%}
    (length({{ text }}) <= {{ words | map('length') | max }} and lower({{ text }}) in ({{ clientele.literals(words) }}))
{%- endmacro %}


{% macro null_words() %}
    {{ return(clientele.setting('null_words').lower().split(',') | map('trim') | list) }}
{% endmacro %}


{% macro sentinel_list() -%}
    {#- The ids that stand for nobody, as a list in SQL of the kind of user ids. -#}
    {%- set listed = clientele.setting('sentinel_user_ids').split(',') | map('trim') | list -%}
    {%- if clientele.id_kind('user') == 'integer' -%}
        {%- set numbers = [] -%}
        {%- for text in listed if modules.re.fullmatch('[+-]?[0-9]{1,18}', text) -%}{%- do numbers.append(text | int) -%}{%- endfor -%}
        ({{ numbers | join(', ') or 'null' }})
    {%- else -%}
        ({{ clientele.literals(listed) }})
    {%- endif -%}
{%- endmacro %}


{% macro literals(texts) -%}
    {#- Texts as SQL literals, without a backslash in one: Redshift would read it as an escape. -#}
    {%- for text in texts -%}
    '{{ text | replace("'", "''") | replace("\\", "' || chr(92) || '") }}'{{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
