{#- Grain: one file that is still to be taken in. Late data is just another file, of any age. A load counts as taken
    in once core.events holds it, so a killed build takes its files up again. -#}
{{ config(post_hook="{{ clientele.tell_about_files() }}") }}

with

ledger as (
    select * from {{ ref('event_files') }}
),

pending as (
    select * from ledger
    where status = 'accepted' and load_id > {{ clientele.taken_in('events') }}
)

select * from pending
