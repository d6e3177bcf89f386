{#- Grain: one physical line of a file of a side input, split into texts and not judged: rules and settings may change,
    files may go. Rows go with their file when it is replaced. A line of an erased customer, and one that retention has
    let go, stays as a number without a text, so that the books balance. Whom a line names is read by the rules of
    today. Late data is another content of a file. -#}
-- depends_on: {{ ref('side_files') }}
-- depends_on: {{ ref('retention') }}
-- depends_on: {{ ref('user_keys') }}
{{ config(post_hook="{{ clientele.forget_side_batch() }}") }}
{% set columns = clientele.side_line_columns() %}
{% set texts = ['person'] + clientele.side_fields() + ['line_text'] %}
{% set files -%}
    select side_files.*
    from {{ ref('side_files') }} as side_files
    left join (
        select distinct file_id
        from (
            {{ clientele.previous_rows('side_lines', this.database, this.schema, columns) }}
        ) as held_lines
    ) as held on side_files.file_id = held.file_id
    where side_files.status = 'accepted' and held.file_id is null
{%- endset %}

with

earlier as (
    {{ clientele.previous_rows('side_lines', this.database, this.schema, columns) }}
),

split as (
    {{ clientele.side_file_lines(files) }}
    {%- for side in clientele.side_inputs() if clientele.side_relation(side) %}
    union all
    {{ clientele.side_relation_lines(side, files) }}
    {%- endfor %}
),

files as (
    select * from {{ ref('side_files') }} where status = 'accepted'
),

together as (
    select file_id, line_number, line_kind, line_fault, {{ texts | join(', ') }} from earlier
    union all
    select file_id, line_number, line_kind, line_fault, {{ texts | join(', ') }} from split
),

named as (
    select together.*, {{ clientele.named_customer('together.person') }} as user_id
    from together
),

hashed as (
    select people.user_id, {{ clientele.tombstone('people.user_id') }} as erased_hash
    from (select distinct user_id from named where user_id is not null) as people
),

erased_users as (
    select hashed.user_id
    from hashed
    inner join {{ clientele.register('tombstones') }} as tombstones on hashed.erased_hash = tombstones.erased_hash
),

placed as (
    select
        named.file_id, files.side_input, files.file_name, files.delivered_at, named.line_number,
        cast(case when erased_users.user_id is null then named.line_kind else 'erased' end as varchar(8)) as line_kind,
        named.line_fault, named.user_id,
        named.{{ texts | join(', named.') }}
    from named
    inner join files on named.file_id = files.file_id
    left join erased_users on named.user_id = erased_users.user_id
),

ages as (
    {{ clientele.side_lines_too_old('placed') }}
),

kept as (
    select
        placed.*,
        case
            when placed.line_kind = 'line' and ages.file_id is not null then 'expired' else placed.line_kind
        end as kind_now
    from placed
    left join ages on placed.file_id = ages.file_id and placed.line_number = ages.line_number
),

final as (
    select
        file_id,
        side_input,
        file_name,
        line_number,
        cast(kind_now as varchar(8)) as line_kind,
        case when kind_now = 'line' then line_fault end as line_fault,
        case when kind_now = 'line' then user_id end as user_id,
        {% for name in texts -%}
        case when kind_now = 'line' then {{ name }} end as {{ name }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from kept
)

select * from final
