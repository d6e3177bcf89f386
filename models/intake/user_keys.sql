{#- Grain: one raw user id: the only place where it meets its pseudonym. Users are added when a file first brings
    them, late or not, and never change; they go with their last event. Erased customers are not let in again: a line
    whose user has no key is nobody's. -#}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    post_hook=after_commit('{{ clientele.remember_objections() }}')
) }}

with

lines as (
    select user_id from {{ ref('stg_lake__lines') }} where line_kind in {{ clientele.kept_kinds() }}
),

arrived as (
    select distinct lines.user_id from lines
    {% if is_incremental() %}
    left join {{ this }} as known on lines.user_id = known.user_id
    where known.user_id is null
    {% endif %}
),

hashed as (
    select user_id, {{ clientele.tombstone('user_id') }} as erased_hash from arrived
),

welcome as (
    select hashed.user_id
    from hashed
    left join {{ clientele.register('tombstones') }} as tombstones on hashed.erased_hash = tombstones.erased_hash
    where tombstones.erased_hash is null
),

keyed as (
    select user_id, {{ clientele.user_key('cast(user_id as varchar(256))') }} as user_key from welcome
),

numbered as (
    select
        user_id,
        {{ clientele.hex_to_integer('user_key') }} as user_sk,
        user_key
    from keyed
)

select * from numbered
