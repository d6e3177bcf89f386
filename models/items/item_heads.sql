{#- Grain: one subject (groups of brands or of categories, imputation of an attribute) of the fit that scores: what
    there is of it (groups, model, or nothing: refused), and why. The fit is the champion among those up to the day of
    the build (macros/registry/standing.sql): a pinned one, else the newest that has something. -#}

with

heads as (
    {{ clientele.fit_part(ref('item_fit_fields'), 'head', {
        'subject': 'varchar(64)',
        'scored_by': 'varchar(16)',
        'reason': 'varchar(1024)',
    }) }}
),

cards as (
    {{ clientele.fit_part(ref('item_fit_fields'), 'card', {'origin_date': 'varchar(10)', 'scores': 'integer'}) }}
),

candidates as (
    select
        cards.fit_number,
        cards.model_version,
        case when cards.scores = 1 then 'proven' else 'none' end as model_status,
        case when cards.scores = 1 then 'passed' else 'failed' end as gate,
        cast(null as varchar(1024)) as gate_reason
    from cards
    inner join {{ ref('item_request') }} as request on cast(cards.origin_date as date) <= request.as_of_date
),

{{ clientele.standing_ctes('candidates') }},

-- without a champion the newest says why
chosen as (
    select coalesce(max(case when is_champion then fit_number end), max(fit_number)) as fit_number
    from standing
),

final as (
    select
        heads.fit_number,
        cast(heads.model_version as varchar(64)) as model_version,
        heads.subject,
        -- a head that is off has nothing, whatever an earlier build has learnt
        case
            when heads.subject like '% groups' and request.items = 'off' then 'refused'
            when heads.subject like '% imputation' and request.imputation = 'off' then 'refused'
            else heads.scored_by
        end as scored_by,
        case
            when heads.subject like '% groups' and request.items = 'off'
                then 'The var prediction_heads does not name items.'
            when heads.subject like '% imputation' and request.imputation = 'off'
                then 'The var prediction_heads does not name imputation.'
            else heads.reason
        end as reason
    from heads
    inner join chosen on heads.fit_number = chosen.fit_number
    cross join {{ ref('item_request') }} as request
)

select * from final
