{#- Grain: one day and kind of event that did not come on it, although it had come before: since when, and how many
    should have come in the meantime, at the kind's share of the 28 days up to its last one. Late data: made from
    the counts of all days, so that a day that comes late or is corrected says what it would have said in time. -#}
{{ config(post_hook='{{ clientele.mark_load() }}') }}
{% set limits = clientele.feed_limits() %}

with

kinds as (
    {% for column, event_type in clientele.counts_of_kinds().items() -%}
    select event_date, '{{ event_type }}' as event_type, n_events, {{ column }} as n_of_kind
    from {{ ref('daily_events') }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

counted as (
    select
        event_date,
        event_type,
        n_events,
        n_of_kind,
        max(case when n_of_kind > 0 then event_date end) over (
            partition by event_type order by event_date rows between unbounded preceding and current row
        ) as last_seen,
        sum(n_events) over (
            partition by event_type order by event_date rows between unbounded preceding and current row
        ) as n_events_so_far
    from kinds
),

absent as (
    select * from counted where n_of_kind = 0 and last_seen is not null
),

compared as (
    select
        absent.event_date,
        absent.event_type,
        absent.last_seen,
        absent.n_events_so_far - max(earlier.n_events_so_far) as n_events_since,
        sum(earlier.n_of_kind) as n_of_kind_before,
        sum(earlier.n_events) as n_events_before,
        sum(case when earlier.n_of_kind > 0 then 1 else 0 end) as n_days_seen
    from absent
    inner join counted as earlier
        on
            absent.event_type = earlier.event_type
            and absent.last_seen >= earlier.event_date
            and {{ dbt.dateadd('day', -limits['days'], 'absent.last_seen') }} < earlier.event_date
    group by absent.event_date, absent.event_type, absent.last_seen, absent.n_events_so_far
),

expected as (
    select
        event_date,
        event_type,
        last_seen,
        cast(n_days_seen as bigint) as n_days_seen,
        {{ clientele.double('n_events_since') }} * {{ clientele.double('n_of_kind_before') }}
        / {{ clientele.double('n_events_before') }} as n_expected
    from compared
)

select
    event_date,
    event_type,
    last_seen,
    n_days_seen,
    n_expected,
    n_expected >= {{ limits['kind_expected'] }} and n_days_seen >= {{ limits['kind_days_at_least'] }} as is_missing
from expected
