{#- Every feature of marts.user_features has a value, and one that logarithms and shares can reach: no NULL, no NaN, no
    infinity, which would each make a user's segment a matter of chance. -#}
{% test features_are_finite(model) %}
{%- set expressions = [] -%}
{%- for feature in clientele.feature_names() -%}
    {%- do expressions.append('abs(' ~ feature ~ ') < 1000') -%}
{%- endfor -%}
{%- if execute and not expressions -%}
    {{ clientele.refuse('features_are_finite: user_features.yml lists no feature') }}
{%- endif -%}
{{ clientele.test_valid_rows(model, expressions=expressions) }}
{% endtest %}
