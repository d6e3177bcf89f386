{#- Grain: one line of a side input that is neither header, blank, erased nor expired, with its values in one spelling
    and what became of it: a row, a duplicate, or faulty with the reason. A key is said once: a later line of the same
    content is a duplicate, lines of one file that contradict each other are all faulty, and of several files the one
    whose name sorts last is used, so that the order in which files came decides nothing. Judged in each build by the
    rules of today. -#}
-- depends_on: {{ ref('side_lines') }}
{% set fields = clientele.side_fields() %}

with

judged as (
    {% for side in clientele.side_inputs() -%}
    {{ clientele.side_rows_of(side) }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
    {%- if not clientele.side_inputs() -%}
    select
        file_id, side_input, file_name, line_number,
        cast(null as varchar(64)) as reason, user_id, {{ fields | join(', ') }},
        cast(null as varchar(4096)) as key_text, cast(null as varchar(4096)) as content_text, line_text
    from {{ ref('side_lines') }}
    where 1 = 0
    {%- endif %}
),

identified as (
    select judged.*, files.file_identity
    from judged
    inner join {{ ref('side_files') }} as files on judged.file_id = files.file_id
),

compared as (
    select
        identified.*,
        max(identified.file_identity) over (
            partition by identified.side_input, identified.reason, identified.key_text
        ) as deciding_file,
        min(identified.content_text) over (
            partition by identified.file_id, identified.reason, identified.key_text
        ) as least_content,
        max(identified.content_text) over (
            partition by identified.file_id, identified.reason, identified.key_text
        ) as greatest_content,
        row_number() over (
            partition by identified.file_id, identified.reason, identified.key_text order by identified.line_number
        ) as place
    from identified
),

final as (
    select
        file_id,
        side_input,
        file_name,
        line_number,
        cast(
            case
                when reason is not null then 'faulty'
                when file_identity != deciding_file then 'old'
                when least_content != greatest_content then 'faulty'
                when place > 1 then 'copy'
                else 'row'
            end as varchar(8)
        ) as line_kind,
        cast(
            case
                when reason is not null then reason
                when file_identity = deciding_file and least_content != greatest_content then 'contradicting_lines'
            end as varchar(64)
        ) as reason,
        user_id,
        {{ fields | join(', ') }},
        case
            when reason is not null then line_text
            when file_identity = deciding_file and least_content != greatest_content then line_text
        end as line_text
    from compared
)

select * from final
