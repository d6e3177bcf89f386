{#- Elsewhere the warehouse keeps the figures (monitor.builds), and whatever starts the build sees its status. -#}

{% macro default__tell_telemetry(failed, n_run_lines, built) %}{% endmacro %}
