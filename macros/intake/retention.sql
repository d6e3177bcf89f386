{#- How long events and profiles are kept, and who is forgotten with them. -#}

{% macro forget_batch() %}
    {#- post_hook of core.events, after its commit: what was read from the files has served. The list of files goes first,
        so that a build that is stopped in between finds no file whose lines are gone. -#}
    {%- for batch in [ref('stg_lake__files'), ref('stg_lake__lines'), ref('stg_lake__duplicates')] -%}
    truncate {{ batch }};
    {% endfor -%}
{% endmacro %}


{% macro kept_from(what) -%}
    {#- From when on events, or profiles, are kept, as a scalar subquery: core.retention. -#}
    coalesce(
        (select {{ what }}_kept_from from {{ ref('retention') }}), cast('{{ clientele.setting('earliest_event_date') }}' as timestamp)
    )
{%- endmacro %}


{% macro is_kept(event_at) -%}
    {#- Whether an event is young enough to be kept. Not a bare comparison: DuckDB expects next to no row from one with a
        subquery, and then builds its hash tables from the events instead of the users (eight times the time). -#}
    coalesce({{ event_at }} >= {{ clientele.kept_from('events') }}, false)
{%- endmacro %}


{% macro forget_inactive_profiles() %}
    {#- post_hook: profiles of users whose last event is longer ago than inactive_profile_months. -#}
    delete from {{ this }} where last_event_at < {{ clientele.kept_from('profiles') }}
{% endmacro %}


{% macro forget_keys_without_users() %}
    {#- post_hook after the transaction, as the vault may be another database: raw ids of nobody's events. -#}
    {{ clientele.forget_side_rows_without_users() }}
    {%- set refunds = adapter.get_relation(database=target.database, schema='core', identifier='refund_lines') %}
    delete from {{ ref('user_keys') }}
    where
        user_sk not in (select user_sk from {{ ref('users') }})
        {{ 'and user_sk not in (select user_sk from ' ~ refunds ~ ')' if refunds is not none }}
{% endmacro %}


{% macro forget_users_without_events() %}
    {#- post_hook of the last table that is kept per user: users whose every event a re-delivered file took away. Not those
        whose sessions are still to be built, because a run left them out. -#}
    delete from {{ ref('users') }}
    where
        user_sk not in (select user_sk from {{ ref('user_sessions') }})
        and last_load_id <= {{ clientele.taken_in('user_sessions') }}
{% endmacro %}


{% macro forget_old_faulty_lines() %}
    {#- post_hook of quarantined_lines, in its transaction: faulty lines go when the events that they might have been would go;
        those without a time that can be meant, when their file came as long ago; and those that name no customer, as nobody
        can ask for them, unnamed_lines_days after it came. Deliveries are reckoned to the newest one, so that no clock
        decides. docs/decisions/0055-whose-a-line-is.md -#}
    {%- set has_time = "coalesce(event_time >= cast('" ~ clientele.setting('earliest_event_date')
        ~ "' as timestamp) and reason != 'event_time_in_future', false)" -%}
    {%- set is_old -%}
        (
            (user_id is null and file_id in ({{ clientele._files_older_than('day', clientele.setting('unnamed_lines_days')) }}))
            or ({{ has_time }} and event_time < {{ clientele.kept_from('events') }})
            or (
                not {{ has_time }}
                and file_id in ({{ clientele._files_older_than('month', clientele.setting('events_retention_months')) }})
            )
        )
    {%- endset -%}
    update {{ ref('file_lines') }} set n_unnamed_expired = coalesce(n_unnamed_expired, 0) + gone.n_lines
    from (
        select file_id as gone_file_id, count(*) as n_lines from {{ this }} where {{ is_old }} group by file_id
    ) as gone
    where file_id = gone.gone_file_id;
    delete from {{ this }} where {{ is_old }}
{% endmacro %}


{% macro was_delivered_before(unit, number, files) -%}
    {#- A condition on delivered_at: more than so many units before the newest of these files that was accepted. -#}
    delivered_at < (
        select {{ dbt.dateadd(unit, -number, 'max(delivered_at)') }} from {{ files }} where status = 'accepted'
    )
{%- endmacro %}


{% macro _files_older_than(unit, number) -%}
    select file_id from {{ ref('event_files') }}
    where status = 'accepted' and {{ clientele.was_delivered_before(unit, number, ref('event_files')) }}
{%- endmacro %}
