{#- Grain: one content of one file, for ever: the ledger. A content already held (same sha256) is skipped under any
    name. A file is known by its path within what CLIENTELE_EVENTS names, and new content replaces its rows. Rebuilt
    each run from its own earlier rows and a look at the lake, so it never shrinks; file and load numbers are never
    used twice. Late data is another file; one with lines of the future, or that wait for a word, is read again. -#}
-- depends_on: {{ ref('column_map') }}, {{ ref('event_type_map') }}
{{ config(
    pre_hook=["{{ clientele.check_maps() }}", "{{ clientele.take_up_lines() }}"],
    post_hook="{{ clientele.stop_on_refused_files(this) }}"
) }}
{% set facts = clientele.file_facts().keys() | list %}
{% set carried = facts + ['delivered_at'] %}

with

earlier_rows as (
    {{ clientele.previous_rows('event_files', this.database, this.schema, clientele.ledger_columns()) }}
),

lake as (
    {{ clientele.lake_inventory('earlier_rows') }}
),

earlier as (
    {{ clientele.known_files('earlier_rows', 'lake') }}
),

numbers as (
    select
        coalesce(max(file_id), 0) as last_file_id,
        greatest(coalesce(max(load_id), 0), {{ clientele.last_load_taken_in() }}) + 1 as this_load_id
    from earlier
),

readable as (
    select * from lake where status != 'refused'
),

due as (
    {{ clientele.files_with_due_lines() }}
),

held as (
    {{ clientele.held_files('earlier', 'readable', 'due') }}
),

arrived as (
    select readable.*
    from readable
    left join held on readable.file_identity = held.file_identity
    where held.file_identity is null
),

loaded_files as (
    {{ clientele.files_that_answer('held', 'arrived') }}
),

kept as (
    select
        file_id,
        case when is_read_now then this_load_id else load_id end as load_id,
        {{ carried | join(', ') }},
        case when is_read_now then {{ clientele.utc_now() }} else judged_at end as judged_at,
        loaded_identity,
        loaded_path,
        cast(null as varchar(4096)) as refusal
    from (
        select
            held.*,
            loaded_files.loaded_identity,
            loaded_files.loaded_path,
            numbers.this_load_id,
            loaded_files.loaded_identity = held.file_identity
            and (held.status = 'same_content' or held.is_due) as is_read_now
        from held
        inner join loaded_files on held.sha256 = loaded_files.sha256
        cross join numbers
    ) as holding
),

opened as (
    select
        numbers.last_file_id + row_number() over (order by newcomers.file_identity, newcomers.file_path) as file_id,
        numbers.this_load_id as load_id,
        newcomers.{{ carried | join(', newcomers.') }},
        {{ clientele.utc_now() }} as judged_at,
        newcomers.loaded_identity,
        newcomers.loaded_path,
        newcomers.refusal
    from (
        select
            arrived.{{ carried | join(', arrived.') }},
            loaded_files.loaded_identity,
            loaded_files.loaded_path,
            cast(null as varchar(4096)) as refusal
        from arrived
        inner join loaded_files on arrived.sha256 = loaded_files.sha256
        union all
        select
            lake.{{ carried | join(', lake.') }},
            cast(null as varchar(4096)) as loaded_identity,
            cast(null as varchar(4096)) as loaded_path,
            lake.reason as refusal
        from lake
        where lake.status = 'refused'
    ) as newcomers
    cross join numbers
),

closed as (
    select
        earlier.file_id,
        earlier.load_id,
        earlier.{{ carried | join(', earlier.') }},
        earlier.judged_at,
        'replaced' as status,
        case
            when earlier.status = 'replaced' then earlier.reason
            when opened.file_id is not null then 'delivered again as file ' || cast(opened.file_id as varchar(20))
            else 'not in the lake when it was to be read'
        end as reason
    from earlier
    left join kept on earlier.file_id = kept.file_id
    left join opened on earlier.file_identity = opened.file_identity and opened.refusal is null
    where kept.file_id is null and earlier.status != 'refused'
),

final as (
    select
        file_id,
        load_id,
        {{ carried | join(', ') }},
        judged_at,
        case
            when refusal is not null then 'refused'
            when loaded_identity = file_identity then 'accepted'
            else 'same_content'
        end as status,
        coalesce(
            refusal, case when loaded_identity != file_identity then 'same content as ' || loaded_path end
        ) as reason
    from (
        select * from kept
        union all
        select * from opened
    ) as current_files
    union all
    select * from closed
)

select * from final
