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


{% macro decimal_number(text, type='decimal(18, 4)') %}
    {#- A number that the type cannot hold is none. -#}
    {{- return(adapter.dispatch('decimal_number', 'clientele')(text, type)) -}}
{% endmacro %}


{% macro event_type_word(text) %}
    {#- The event type that a word stands for, in any case (seeds/event_type_map.csv); the word itself where it is not known. -#}
    {{- return(adapter.dispatch('event_type_word', 'clientele')(text)) -}}
{% endmacro %}


{% macro is_header_line(lines) %}
    {#- A condition: the line is a header, wherever it stands, or Excel's first line sep=, . -#}
    {{- return(adapter.dispatch('is_header_line', 'clientele')(lines)) -}}
{% endmacro %}


{% macro present(text) -%}
    {#- A text, and NULL for an empty one and for a word that tools write for nothing. -#}
    case when length({{ text }}) <= {{ clientele.null_words() | map('length') | max }} and {{ text }} in ('', {{ clientele.literals(clientele.null_words_in_any_case()) }}) then null else {{ text }} end
{%- endmacro %}


{% macro plain_text(lines, column) %}
    {#- A column of lake_lines as normal_text has it: lines that are plain throughout are told from others once. -#}
    {{- return(adapter.dispatch('plain_text', 'clientele')(lines, column)) -}}
{% endmacro %}


{% macro is_respelled(text, id) %}
    {#- Whether a number is written in another way than it is kept. -#}
    {{- return(adapter.dispatch('is_respelled', 'clientele')(text, id)) -}}
{% endmacro %}


{% macro is_null_word(text) -%}
    lower({{ text }}) in ({{ clientele.literals(clientele.null_words()) }})
{%- endmacro %}


{% macro null_words() %}
    {{ return(clientele.setting('null_words').lower().split(',') | map('trim') | list) }}
{% endmacro %}


{% macro null_words_in_any_case() %}
    {#- As people and tools write them: comparing is cheaper than lower(). -#}
    {%- set words = [] -%}
    {%- for word in clientele.null_words() -%}
        {%- for form in [word, word | upper, word | capitalize] if form not in words -%}{%- do words.append(form) -%}{%- endfor -%}
    {%- endfor -%}
    {{ return(words + ['NaN', 'NaT', '#N/A'] if 'nan' in words else words) }}
{% endmacro %}


{% macro is_sentinel(user_id) -%}
    {#- A condition: an id, of the kind of user ids, stands for nobody. -#}
    {%- set is_integer = clientele.id_kind('user') == 'integer' -%}
    {%- set numbers = clientele._sentinels(is_number=true) | map('int') | join(', ') -%}
    {%- set nobody = numbers if is_integer else clientele.literals(clientele._sentinels()) -%}
    {{ user_id ~ ' in (' ~ nobody ~ ')' if nobody else 'false' }}
{%- endmacro %}


{% macro stands_for_nobody(normal, id) -%}
    {#- A condition: a user field stands for nobody, however it is spelled. `normal`: its normal_text; `id`: the id that it is
        as an event has it. -#}
    {%- set words = clientele.sentinel_words() -%}
    ({{ clientele.is_sentinel(id) }} or {{ clientele.is_null_word(normal) }}
    {{- ' or lower(' ~ normal ~ ') in (' ~ clientele.literals(words) ~ ')' if words }})
{%- endmacro %}


{% macro named_customer(text) %}
    {#- Whom a user field names in any spelling, and nobody where it stands for nobody: a logged-out visitor's lines are no
        customer's, and must not make a customer's session one that is shared. -#}
    {%- set kind = clientele.id_kind('user') -%}
    {%- set named = clientele.readable_id(text, kind) -%}
    {%- if kind == 'text' -%}{%- set named = clientele.present(named) -%}{%- endif -%}
    {{- return('case when not ' ~ clientele.is_sentinel(named) ~ ' then ' ~ named ~ ' end') -}}
{% endmacro %}


{% macro sentinel_words() %}
    {#- Where ids are numbers: those that stand for nobody and are none, in lower case. -#}
    {{ return(clientele._sentinels(is_number=false) | map('lower') | list if clientele.id_kind('user') == 'integer' else []) }}
{% endmacro %}


{% macro _sentinels(is_number=none) %}
    {#- The ids of sentinel_user_ids: those that are whole numbers, those that are none, or all. -#}
    {%- set found = [] -%}
    {%- for text in clientele.setting('sentinel_user_ids').split(',') | map('trim') -%}
        {%- if is_number in [none, modules.re.fullmatch('[+-]?[0-9]{1,18}', text) is not none] -%}{%- do found.append(text) -%}{%- endif -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}


{% macro literals(texts) -%}
    {#- Texts as SQL literals, without a backslash in one: Redshift would read it as an escape. -#}
    {%- for text in texts -%}
    '{{ text | replace("'", "''") | replace("\\", "' || chr(92) || '") }}'{{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
