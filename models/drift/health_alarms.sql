{#- Grain: one alarm: its state in the newest row of monitor.health (ok, warn or error), the figure and what is
    promised, who answers for it and what is to be done. The end of a run tells of an alarm when its state is not that
    of the run before (src/clientele/runtime/alarms.py). Late data: built whole. -#}

with

placed as (
    select
        health.*,
        row_number() over (order by health.built_at desc nulls last, health.run_id desc nulls last) as place
    from {{ ref('health') }} as health
),

newest as (
    select * from placed where place = 1
),

final as (
    {% for name, alarm in clientele.health_alarms().items() %}
    select
        cast('{{ name }}' as varchar(32)) as alarm,
        cast(
            case when {{ alarm['error'] }} then 'error' when {{ alarm['warn'] }} then 'warn' else 'ok' end as varchar(8)
        ) as alarm_state,
        {{ clientele.double(alarm['figure']) }} as figure,
        cast({{ alarm['promised'] }} as double precision) as promised,
        cast('{{ alarm['owner'] }}' as varchar(64)) as owner_name,
        cast('{{ alarm['remedy'] }}' as varchar(256)) as remedy,
        run_id
    from newest
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select * from final
