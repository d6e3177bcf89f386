{#- Generations: by them a vault and a warehouse of two moments are told apart. -#}

{% macro next_generation() %}
    {%- if execute and flags.WHICH in ['build', 'run', 'retry', 'run-operation'] -%}
        {{ adapter.dispatch('next_generation', 'clientele')() }}
    {%- endif -%}
{% endmacro %}
