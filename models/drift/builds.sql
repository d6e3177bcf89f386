{#- Grain: one run of dbt that began to work: what it was, how it ended, what it took in. A view, like runs. -#}
{{ config(materialized='view') }}

with

entries as (
    select * from {{ clientele.run_log() }}
),

starts as (
    select
        run_id,
        name,
        status,
        logged_at,
        lead(run_id) over (order by logged_at, run_id) as next_run_id
    from entries
    where entry = 'started'
),

ends as (
    select * from entries where entry = 'ended'
),

models as (
    select
        run_id,
        count(*) as n_models,
        sum(n_bytes) as n_bytes
    from entries
    where entry = 'model'
    group by run_id
),

final as (
    select
        starts.run_id,
        starts.name as command,
        starts.status = 'full refresh' as is_full_refresh,
        starts.logged_at as started_at,
        ends.logged_at as ended_at,
        {{ clientele.seconds_between('starts.logged_at', 'ends.logged_at') }} as duration_seconds,
        case
            when ends.run_id is not null then ends.status
            when starts.next_run_id is not null then 'stopped'
            else 'running'
        end as status,
        ends.n_rows_in as n_lines_taken_in,
        cast(coalesce(models.n_models, 0) as bigint) as n_models,
        ends.n_failed,
        cast(models.n_bytes as bigint) as n_bytes
    from starts
    left join ends on starts.run_id = ends.run_id
    left join models on starts.run_id = models.run_id
)

select * from final
