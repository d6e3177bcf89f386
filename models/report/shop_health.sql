{#- Grain: one question to the warehouse that operators watch: its state (ok, warn, error), the figure behind it and
    what is promised. What only the clock can say is said as a day: `until_date`, up to which newer events are
    promised. So two builds of the same input say the same. Late data: built whole in each run. -#}
{% set asked = ['books', 'data_errors', 'drift', 'gates', 'model_age', 'refit'] %}
{% set holds = clientele.feed_alarm_names('feed_holds') | reject('equalto', 'stale') | list %}
{% set warns = clientele.feed_alarm_names('feed_warns') | reject('equalto', 'stale') | list %}
{% set promised = clientele.setting('promised_event_hours') %}

with

alarms as (
    select * from {{ ref('health_alarms') }}
),

-- as monitor.health counts them, without the alarm that only the clock raises
feed as (
    select
        count(distinct case when {{ clientele.feed_flags(holds) }} then event_date end) as n_feed_holds,
        count(distinct case when {{ clientele.feed_flags(warns) }} then event_date end) as n_feed_warns
    from {{ ref('feed_health') }}
    where {{ clientele.is_recent_feed(ref('feed_health')) }}
),

requests as (
    {% for kind in ['personas', 'value', 'heads'] %}
    select
        cast('{{ kind }}' as varchar(16)) as model_kind,
        count(*) as n
    from {{ ref('refit_requests') }}
    where model_kind = '{{ kind }}'
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

figures as (
    select
        'events' as question,
        'ok' as health_state,
        cast(null as double precision) as figure,
        cast({{ promised }} as double precision) as promised,
        cast(as_of_at as date) as newest_date,
        case when {{ promised }} > 0 then cast({{ dbt.dateadd('hour', promised, 'as_of_at') }} as date) end
            as until_date
    from {{ ref('as_of') }}
    union all
    select
        'feed' as question,
        case when n_feed_holds > 0 then 'error' when n_feed_warns > 0 then 'warn' else 'ok' end as health_state,
        {{ clientele.double('n_feed_holds + n_feed_warns') }} as figure,
        cast(null as double precision) as promised,
        cast(null as date) as newest_date,
        cast(null as date) as until_date
    from feed
    union all
    select
        alarm as question,
        alarm_state as health_state,
        figure,
        case when promised > 0 then promised end as promised,
        cast(null as date) as newest_date,
        cast(null as date) as until_date
    from alarms
    where alarm in ('{{ asked | join("', '") }}')
    union all
    select
        'refit_' || model_kind as question,
        case when n > 0 then 'warn' else 'ok' end as health_state,
        {{ clientele.double('n') }} as figure,
        cast(null as double precision) as promised,
        cast(null as date) as newest_date,
        cast(null as date) as until_date
    from requests
),

final as (
    select
        cast(question as varchar(32)) as question,
        cast(health_state as varchar(8)) as health_state,
        cast(figure as double precision) as figure,
        cast(promised as double precision) as promised,
        cast(newest_date as date) as newest_date,
        cast(until_date as date) as until_date
    from figures
)

select * from final
