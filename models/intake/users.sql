{#- Grain: one user. Carries the load that last brought or took away an event of the user: what stands further down
    is rebuilt for users whose load is newer than its own. Built before events, while the rows that a re-delivered
    file will replace are still there to be found. -#}
{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='user_sk') }}

with

lines as (
    select user_id, load_id
    from {{ ref('stg_lake__lines') }}
    where line_kind = 'event' and {{ clientele.is_kept('event_at') }}
),

accepted_files as (
    select file_id from {{ ref('event_files') }} where status = 'accepted'
),

this_load as (
    select {{ clientele.this_load(ref('event_files')) }} as load_id
),

earlier_events as (
    {{ clientele.previous_events({'user_sk': 'bigint', 'event_at': 'timestamp', 'file_id': 'bigint'}) }}
),

bringing as (
    select user_id, max(load_id) as load_id from lines group by user_id
),

losing as (
    select distinct earlier_events.user_sk
    from earlier_events
    left join accepted_files on earlier_events.file_id = accepted_files.file_id
    where accepted_files.file_id is null or not {{ clientele.is_kept('earlier_events.event_at') }}
),

touched as (
    select user_keys.user_sk, bringing.load_id
    from bringing
    inner join {{ ref('user_keys') }} as user_keys on bringing.user_id = user_keys.user_id
    union all
    select losing.user_sk, this_load.load_id
    from losing
    cross join this_load
),

latest as (
    select user_sk, max(load_id) as last_load_id from touched group by user_sk
),

-- A full refresh that was stopped has made the keys anew, without those whose every event is gone: they are known here.
keyed as (
    select
        latest.user_sk,
        {% if is_incremental() %}
        coalesce(user_keys.user_key, earlier.user_key) as user_key,
        {% else %}
        user_keys.user_key,
        {% endif %}
        latest.last_load_id
    from latest
    left join {{ ref('user_keys') }} as user_keys on latest.user_sk = user_keys.user_sk
    {% if is_incremental() %}
    left join {{ this }} as earlier on latest.user_sk = earlier.user_sk
    {% endif %}
),

final as (
    select user_sk, user_key, last_load_id from keyed where user_key is not null
)

select * from final
