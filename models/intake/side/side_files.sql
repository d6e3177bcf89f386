{#- Grain: one content of one file of a side input, or of one table: its ledger. A file is known by its identity, which
    is its input and its path within what names it; new content replaces its rows. Rebuilt each run from its own earlier
    rows and a look at what is there. What is not there any more is held until something takes its place, also by a full
    refresh: a consent must not lapse because a file was moved. Late data is another content. -#}
{{ config(post_hook="{{ clientele.stop_on_side_files() }}") }}
{% set facts = clientele.side_ledger_columns() | reject('in', ['file_id', 'delivered_at', 'status', 'reason']) | list %}

with

earlier as (
    {{ clientele.previous_rows('side_files', this.database, this.schema, clientele.side_ledger_columns()) }}
),

seen as (
    {{ clientele.side_inventory('earlier') }}
),

last_number as (
    select coalesce(max(file_id), 0) as file_id from earlier
),

held as (
    select
        earlier.file_id,
        {% for fact in facts -%}
        case when readable.status = 'readable' then readable.{{ fact }} else earlier.{{ fact }} end as {{ fact }},
        {% endfor -%}
        earlier.delivered_at
    from earlier
    left join seen as readable on earlier.file_identity = readable.file_identity and readable.status = 'readable'
    where
        earlier.status = 'accepted'
        and (
            readable.file_identity is null
            or (readable.sha256 = earlier.sha256 and readable.reading = earlier.reading)
        )
),

opened as (
    select
        last_number.file_id + row_number() over (order by seen.file_identity, seen.file_path) as file_id,
        seen.{{ facts | join(', seen.') }},
        {{ clientele.utc_now() }} as delivered_at,
        seen.status,
        seen.reason
    from seen
    left join held on seen.file_identity = held.file_identity and seen.status = 'readable'
    cross join last_number
    where held.file_identity is null
),

final as (
    select
        file_id, {{ facts | join(', ') }}, delivered_at,
        cast('accepted' as varchar(16)) as status,
        cast(null as varchar(4096)) as reason
    from held
    union all
    select
        file_id, {{ facts | join(', ') }}, delivered_at,
        cast(case when status = 'readable' then 'accepted' else 'refused' end as varchar(16)) as status,
        cast(reason as varchar(4096)) as reason
    from opened
    union all
    select
        earlier.file_id, earlier.{{ facts | join(', earlier.') }}, earlier.delivered_at,
        cast('replaced' as varchar(16)) as status,
        cast(earlier.reason as varchar(4096)) as reason
    from earlier
    left join held on earlier.file_id = held.file_id
    where held.file_id is null and earlier.status != 'refused'
)

select * from final
