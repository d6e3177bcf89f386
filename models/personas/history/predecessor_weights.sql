{#- Grain: one persona and feature of the model that scored before the champion, which the champion was compared with
    when it was fitted: what customers were told before it. Empty for a first model. -#}
{% set is_predecessor %}
model_version in (select from_model_version from {{ ref('segment_lineage') }} where is_champion)
{% endset %}

with

{{ clientele.weights_of(is_predecessor) }}

select * from weights_of_model
