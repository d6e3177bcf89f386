{#- Grain: one run of dbt and model that was part of it. Hooks keep it and only ever add (macros/runtime/runs.sql): a
    view, so that it shows the run that is just ending, and that a full refresh keeps the history. -#}
{{ config(materialized='view') }}

with

entries as (
    select * from {{ clientele.run_log() }} where entry = 'model'
),

final as (
    select
        run_id,
        name as model_name,
        logged_at,
        status,
        seconds,
        n_rows_in,
        n_rows_out,
        n_rows_out - lag(n_rows_out) over (
            partition by name
            order by logged_at, run_id
        ) as n_rows_added,
        n_bytes
    from entries
)

select * from final
