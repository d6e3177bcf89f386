{#- Grain: one build, audience and customer who came or left in it. The last row of a customer says whether it is a
    member, so a build that was killed says nothing twice. Kept through full refreshes; who is gone leaves no row. -#}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    full_refresh=false,
    post_hook=['{{ clientele.forget_changes() }}']
) }}
-- depends_on: {{ ref('audience_facts') }}
-- depends_on: {{ ref('retention') }}

with

moment as (
    select cast({{ clientele.local_time('as_of_at') }} as date) as as_of_date from {{ ref('as_of') }}
),

told as (
    {% if is_incremental() -%}
    select
        audience,
        user_key,
        change_number,
        change_kind,
        row_number() over (partition by audience, user_key order by change_number desc nulls last) as place
    from {{ this }}
    {%- else -%}
    select
        cast(null as varchar(64)) as audience,
        cast(null as varchar(32)) as user_key,
        cast(null as bigint) as change_number,
        cast(null as varchar(8)) as change_kind,
        cast(null as bigint) as place
    from moment
    where 1 = 0
    {%- endif %}
),

numbers as (
    select coalesce(max(change_number), 0) + 1 as change_number from told
),

members as (
    select audience, user_key from told where place = 1 and change_kind = 'added'
),

matches as (
    select audience, user_key from {{ ref('audience_candidates') }}
),

changes as (
    select
        matches.audience,
        matches.user_key,
        'added' as change_kind
    from matches
    left join members on matches.audience = members.audience and matches.user_key = members.user_key
    where members.user_key is null
    union all
    select
        members.audience,
        members.user_key,
        'removed' as change_kind
    from members
    left join matches on members.audience = matches.audience and members.user_key = matches.user_key
    where matches.user_key is null
),

final as (
    select
        changes.audience,
        changes.user_key,
        cast(numbers.change_number as bigint) as change_number,
        cast(changes.change_kind as varchar(8)) as change_kind,
        moment.as_of_date
    from changes
    cross join numbers
    cross join moment
)

select * from final
