{#- Grain: the build, one row: from when on events and profiles are kept. Reckoned from as_of in whole days (UTC), so
    that no clock decides what is deleted. Built before events, from what is held and what arrives: late data older
    than events_kept_from is counted and not taken in, and core.events lets go of what has become older. -#}
{% set as_of = clientele.setting('as_of') %}

with

lines as (
    select user_id, event_at from {{ ref('stg_lake__lines') }} where line_kind = 'event'
),

accepted_files as (
    select file_id from {{ ref('event_files') }} where status = 'accepted'
),

earlier_events as (
    {{ clientele.previous_events({'event_at': 'timestamp', 'file_id': 'bigint'}) }}
),

latest as (
    -- not the lines of erased customers, who have no key
    select max(lines.event_at) as event_at
    from lines
    inner join {{ ref('user_keys') }} as user_keys on lines.user_id = user_keys.user_id
    union all
    select max(earlier_events.event_at) as event_at
    from earlier_events
    inner join accepted_files on earlier_events.file_id = accepted_files.file_id
),

moment as (
    {% if as_of == 'last_event' -%}
    select cast(max(event_at) as date) as as_of_date from latest
    {%- else -%}
    select cast(cast('{{ as_of }}' as timestamp) as date) as as_of_date
    {%- endif %}
),

final as (
    select
        as_of_date,
        cast({{ dbt.dateadd('month', -clientele.setting('events_retention_months'), 'as_of_date') }} as timestamp)
            as events_kept_from,
        cast({{ dbt.dateadd('month', -clientele.setting('inactive_profile_months'), 'as_of_date') }} as timestamp)
            as profiles_kept_from
    from moment
)

select * from final
