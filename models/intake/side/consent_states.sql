{#- Grain: one customer and purpose of consent, and what the newest change says: of two of one moment the withdrawal. A
    customer of whom a line could not be read has consented to nothing: it may be a withdrawal.
    Late data: built whole in each run, from all that was delivered. -#}

with

changes as (
    select
        user_sk,
        user_key,
        purpose,
        state,
        row_number() over (
            partition by user_sk, purpose
            order by changed_at desc, case when state = 'withdrawn' then 1 else 2 end
        ) as place
    from {{ ref('consents') }}
),

doubtful as (
    select distinct user_keys.user_sk
    from {{ ref('side_judged') }} as judged_lines
    inner join {{ ref('user_keys') }} as user_keys on judged_lines.user_id = user_keys.user_id
    where judged_lines.side_input = 'consents' and judged_lines.line_kind = 'faulty'
),

final as (
    select
        changes.user_sk,
        changes.user_key,
        changes.purpose,
        cast(
            case when changes.state = 'given' and doubtful.user_sk is not null then 'in_doubt' else changes.state end
            as varchar(16)
        ) as consent_state
    from changes
    left join doubtful on changes.user_sk = doubtful.user_sk
    where changes.place = 1
)

select * from final
