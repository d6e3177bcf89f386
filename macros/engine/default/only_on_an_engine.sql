{#- What only an engine itself can do. A new engine starts here: it needs a macro `<engine>__<name>` in a folder of its own for
    each of these, and its build stops with the name of the first one that is not there. -#}

{% macro _only_on_an_engine(name) %}
    {{ clientele.refuse(
        name ~ ": there is no " ~ target.type ~ "__" ~ name ~ ". Add it to macros/engine/" ~ target.type ~ "/ (CONTRIBUTING.md, an engine)."
    ) }}
{% endmacro %}


{% macro default__decimal_number(text) %}{{ clientele._only_on_an_engine('decimal_number') }}{% endmacro %}

{% macro default__erased_hash(user_id) %}{{ clientele._only_on_an_engine('erased_hash') }}{% endmacro %}

{% macro default__event_type_word(text) %}{{ clientele._only_on_an_engine('event_type_word') }}{% endmacro %}

{% macro default__experiment_draw(text) %}{{ clientele._only_on_an_engine('experiment_draw') }}{% endmacro %}

{% macro default__fraction_of_second(text) %}{{ clientele._only_on_an_engine('fraction_of_second') }}{% endmacro %}

{% macro default__hex_to_integer(hex) %}{{ clientele._only_on_an_engine('hex_to_integer') }}{% endmacro %}

{% macro default__is_header_line(lines) %}{{ clientele._only_on_an_engine('is_header_line') }}{% endmacro %}

{% macro default__is_respelled(text, id) %}{{ clientele._only_on_an_engine('is_respelled') }}{% endmacro %}

{% macro default__key_ring_opens(sealed) %}{{ clientele._only_on_an_engine('key_ring_opens') }}{% endmacro %}

{% macro default__lake_inventory(earlier) %}{{ clientele._only_on_an_engine('lake_inventory') }}{% endmacro %}

{% macro default__lake_lines() %}{{ clientele._only_on_an_engine('lake_lines') }}{% endmacro %}

{% macro default__line_id(lines) %}{{ clientele._only_on_an_engine('line_id') }}{% endmacro %}

{% macro default__line_numbers(line_ids) %}{{ clientele._only_on_an_engine('line_numbers') }}{% endmacro %}

{% macro default__new_key_ring() %}{{ clientele._only_on_an_engine('new_key_ring') }}{% endmacro %}

{% macro default__normal_text(text) %}{{ clientele._only_on_an_engine('normal_text') }}{% endmacro %}

{% macro default__plain_text(lines, column) %}{{ clientele._only_on_an_engine('plain_text') }}{% endmacro %}

{% macro default__pseudonym_key_problem() %}{{ clientele._only_on_an_engine('pseudonym_key_problem') }}{% endmacro %}

{% macro default__rotate_key() %}{{ clientele._only_on_an_engine('rotate_key') }}{% endmacro %}

{% macro default__readable_number(text) %}{{ clientele._only_on_an_engine('readable_number') }}{% endmacro %}

{% macro default__row_hash(columns) %}{{ clientele._only_on_an_engine('row_hash') }}{% endmacro %}

{% macro default__session_sk(user_session) %}{{ clientele._only_on_an_engine('session_sk') }}{% endmacro %}

{% macro default__user_key(user_id) %}{{ clientele._only_on_an_engine('user_key') }}{% endmacro %}

{% macro default__utc_timestamp(text) %}{{ clientele._only_on_an_engine('utc_timestamp') }}{% endmacro %}

{% macro default__whole_number(text) %}{{ clientele._only_on_an_engine('whole_number') }}{% endmacro %}
