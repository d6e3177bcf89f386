{#- The lock of the home keeps others out: src/clientele/runtime/locking.py. -#}

{% macro duckdb__take_build_lock(what) %}{% endmacro %}


{% macro duckdb__release_build_lock() %}{% endmacro %}
