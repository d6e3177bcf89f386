{#- Every feature of marts.user_features has a value, and one that logarithms and shares can reach: no NULL, no NaN, no
    infinity, which would each make a user's segment a matter of chance. -#}
{% test features_are_finite(model) %}
{{ config(fail_calc='coalesce(sum(n_rows), 0)') }}

{%- set features = clientele.feature_names() %}

with

counted as (
    select
        count(*) as n_all
        {%- for feature in features %},
        sum(case when abs({{ feature }}) < 1000 then 0 else 1 end) as n_broken_{{ loop.index }}
        {%- endfor %}
    from {{ model }}
)

{% for feature in features %}
select '{{ feature }}' as feature, n_broken_{{ loop.index }} as n_rows from counted where n_broken_{{ loop.index }} > 0
union all
{% endfor %}
select 'user_features.yml lists no feature' as feature, 1 as n_rows from counted where {{ features | length }} = 0

{% endtest %}
