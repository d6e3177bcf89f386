{#- Grain: one content of one file path, for ever: the ledger. A content already held (same sha256) is skipped under
    any name; a path with new content replaces its rows. Rebuilt each run from its own earlier rows and a look at
    the lake, so it never shrinks; file and load numbers are never used twice, not even by a full refresh. -#}
-- depends_on: {{ ref('column_map') }}
{{ config(post_hook="{{ clientele.stop_on_refused_files(this) }}") }}
{% set facts = clientele.file_facts().keys() | list + ['delivered_at'] %}

with

earlier as (
    {{ clientele.previous_rows('event_files', this.database, this.schema, clientele.ledger_columns()) }}
),

numbers as (
    select
        coalesce(max(file_id), 0) as last_file_id,
        greatest(coalesce(max(load_id), 0), {{ clientele.last_load_taken_in() }}) + 1 as this_load_id
    from earlier
),

lake as (
    {{ clientele.lake_inventory('earlier') }}
),

-- Paths that still hold what they held: the same bytes, or not in the lake any more, or unreadable today.
held as (
    {% if flags.FULL_REFRESH %}
    select * from earlier where 1 = 0
    {% else %}
    select earlier.*
    from earlier
    left join lake on earlier.file_path = lake.file_path
    where
        earlier.status in ('accepted', 'same_content')
        and (lake.file_path is null or lake.status = 'refused' or lake.sha256 = earlier.sha256)
    {% endif %}
),

arrived as (
    select lake.*
    from lake
    left join held on lake.file_path = held.file_path
    where lake.status != 'refused' and held.file_path is null
),

-- One path answers for each content: the one whose rows are loaded, else the first by name.
contents as (
    select
        file_path,
        sha256,
        row_number() over (partition by sha256 order by preference, file_path) as place
    from (
        select held.file_path, held.sha256, case when held.status = 'accepted' then 1 else 2 end as preference
        from held
        left join lake on held.file_path = lake.file_path
        -- a copy that cannot be read today cannot take over
        where held.status = 'accepted' or (lake.status != 'refused' and lake.sha256 = held.sha256)
        union all
        select file_path, sha256, 3 as preference from arrived
    ) as paths
),

loaded_paths as (
    select sha256, file_path as loaded_path from contents where place = 1
),

kept as (
    select
        held.file_id,
        case
            when held.status = 'same_content' and loaded_paths.loaded_path = held.file_path then numbers.this_load_id
            else held.load_id
        end as load_id,
        {% for fact in facts %}held.{{ fact }},
        {% endfor %}
        loaded_paths.loaded_path,
        cast(null as varchar(4096)) as refusal
    from held
    inner join loaded_paths on held.sha256 = loaded_paths.sha256
    cross join numbers
),

opened as (
    select
        numbers.last_file_id + row_number() over (order by newcomers.file_path) as file_id,
        numbers.this_load_id as load_id,
        {% for fact in facts %}newcomers.{{ fact }},
        {% endfor %}
        newcomers.loaded_path,
        newcomers.refusal
    from (
        select
            {% for fact in facts %}arrived.{{ fact }},
            {% endfor %}
            loaded_paths.loaded_path,
            cast(null as varchar(4096)) as refusal
        from arrived
        inner join loaded_paths on arrived.sha256 = loaded_paths.sha256
        union all
        select
            {% for fact in facts %}lake.{{ fact }},
            {% endfor %}
            cast(null as varchar(4096)) as loaded_path,
            lake.reason as refusal
        from lake
        where lake.status = 'refused'
    ) as newcomers
    cross join numbers
),

current_files as (
    select * from kept
    union all
    select * from opened
),

closed as (
    select
        earlier.file_id,
        earlier.load_id,
        {% for fact in facts %}earlier.{{ fact }},
        {% endfor %}
        'replaced' as status,
        case
            when earlier.status = 'replaced' then earlier.reason
            when opened.file_id is not null then 'delivered again as file ' || cast(opened.file_id as varchar(20))
            else 'not in the lake when it was to be read'
        end as reason
    from earlier
    left join kept on earlier.file_id = kept.file_id
    left join opened on earlier.file_path = opened.file_path
    where kept.file_id is null and earlier.status != 'refused'
),

final as (
    select
        file_id,
        load_id,
        {% for fact in facts %}{{ fact }},
        {% endfor %}
        case
            when refusal is not null then 'refused'
            when loaded_path = file_path then 'accepted'
            else 'same_content'
        end as status,
        case
            when refusal is not null then refusal
            when loaded_path != file_path then 'same content as ' || loaded_path
        end as reason
    from current_files
    union all
    select * from closed
)

select * from final
