{#- The mark of a build after which nothing is to be done, until something changes. -#}

{% macro note_build(results) %}
    {#- on-run-end, last. Only where all is green, nothing warned and everything was published; and not where a setting asks for
        work in each build (a table of the warehouse may have changed, and a promise may be broken by the hour), or where this one
        leaves work to the next: a fit that drift asks for, the outcome of an experiment with models. -#}
    {%- if execute and flags.WHICH == 'build' -%}
        {%- set others = results | rejectattr('status', 'in', ['success', 'pass', 'no-op']) | list -%}
        {%- set asks_for_work = clientele.setting('refit') or clientele.setting('rehash')
            or clientele.setting('events_relation') != 'none' or clientele.setting('side_schema') != 'none'
            or clientele.setting('promised_event_hours') or clientele.setting('promised_delivery_hours')
            or clientele.setting('promised_model_days') -%}
        {%- if not others and not asks_for_work and clientele.is_whole(results) and not clientele.leaves_work() -%}
            {{ adapter.dispatch('note_build', 'clientele')() }}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}


{% macro is_whole(results) %}
    {#- Whether all models and tests of the project are part of this run. -#}
    {%- set ran = results | map(attribute='node.unique_id') | list -%}
    {%- for node in graph.nodes.values() if node.resource_type in ['model', 'seed', 'test'] and node.config.enabled
        and node.config.materialized != 'ephemeral' and node.unique_id not in ran -%}
        {{ return(false) }}
    {%- endfor -%}
    {{ return(true) }}
{% endmacro %}
