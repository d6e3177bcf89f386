{#- Grain: one length of history and range of margins of the champion, with the share of users there who kept their
    persona. A length holds up to the next longer one, the longest for everybody beyond. Without a study: by margin
    alone, the share of refits that gave users there the same persona. -#}

with

champion as (
    select fit_number from {{ ref('segment_models') }} where is_champion
),

studies as (
    {{ clientele.fit_part(ref('persona_study_fields'), 'confidence', {
        'n_events': 'bigint', 'margin_lo': 'double precision', 'confidence': 'double precision'
    }) }}
),

fits as (
    {{ clientele.fit_part(ref('persona_fit_fields'), 'confidence', {
        'margin_lo': 'double precision', 'confidence': 'double precision'
    }) }}
),

studied as (
    select
        studies.n_events as n_events_lo,
        studies.margin_lo,
        studies.confidence
    from studies
    inner join champion on studies.fit_number = champion.fit_number
),

refitted as (
    select
        cast(0 as bigint) as n_events_lo,
        fits.margin_lo,
        fits.confidence
    from fits
    inner join champion on fits.fit_number = champion.fit_number
),

chosen as (
    select 'short_histories' as basis, studied.* from studied
    union all
    select 'refits' as basis, refitted.* from refitted where not exists (select 1 from studied)
),

lengths as (
    select
        n_events_lo,
        lead(n_events_lo) over (order by n_events_lo) as n_events_hi
    from (select distinct n_events_lo from chosen) as distinct_lengths
),

final as (
    select
        cast(chosen.basis as varchar(16)) as basis,
        chosen.n_events_lo,
        lengths.n_events_hi,
        chosen.margin_lo,
        lead(chosen.margin_lo) over (partition by chosen.n_events_lo order by chosen.margin_lo) as margin_hi,
        chosen.confidence
    from chosen
    inner join lengths on chosen.n_events_lo = lengths.n_events_lo
)

select * from final
