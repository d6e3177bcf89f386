{#- What is published for scoring one customer outside the warehouse (POST /score, docs/serving.md): the statements that this
    build has run, as dbt compiled them, and the tables that they read, without a row about a person. So a customer is
    scored by the warehouse's own SQL, and not by a second implementation of it. docs/decisions/0106 -#}

{% macro scoring_steps() %}
    {#- The models on the way from a line of a file to a persona, in their order. -#}
    {{ return([
        'stg_lake__lines', 'stg_lake__duplicates', 'events', 'user_sessions', 'user_feature_values', 'customer_visits',
        'customer_values', 'centroid_scores', 'early_scores', 'persona_scores', 'user_segments'
    ]) }}
{% endmacro %}


{% macro scoring_references() %}
    {#- Tables that are published for scoring with their rows: of products, days, models and words. Every other table that the
        steps read comes without a row. -#}
    {{ return([
        'event_type_map', 'column_map', 'as_of', 'calendar', 'retention', 'shop_priors', 'feature_priors', 'product_taxonomy',
        'segment_models', 'segment_weights', 'segment_labels', 'segment_confidence', 'reason_texts', 'persona_threshold',
        'early_weights', 'value_fits', 'value_request', 'visit_patterns'
    ]) }}
{% endmacro %}


{% macro scoring_statements(results) %}
    {#- {model: file of its compiled SQL} of the steps; without those that this run has not built. -#}
    {%- set found = {} -%}
    {%- for result in results if result.node.resource_type == 'model' and result.node.package_name == 'clientele'
        and result.node.name in clientele.scoring_steps() -%}
        {%- do found.update({result.node.name: result.node.compiled_path}) -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}
