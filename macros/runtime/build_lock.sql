{#- One build or operation at a time. On DuckDB the lock of the home keeps others out before anything is opened
    (src/clientele/runtime/locking.py); where there is no file to lock, a row of the vault does. -#}

{% macro take_build_lock(what) %}
    {%- if execute and (what != 'build' or flags.WHICH in ['build', 'run', 'retry']) -%}
        {{ adapter.dispatch('take_build_lock', 'clientele')(what) }}
    {%- endif -%}
{% endmacro %}


{% macro release_build_lock() %}
    {%- if execute and flags.WHICH in ['build', 'run', 'retry', 'run-operation'] -%}
        {{ adapter.dispatch('release_build_lock', 'clientele')() }}
    {%- endif -%}
{% endmacro %}
