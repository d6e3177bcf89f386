{#- Grain: one fit of personas: its card, what the gate and people have decided about it, and whether its weights
    score (is_champion, the switch that every other table reads: macros/registry/standing.sql) or score in shadow. One
    that the gate passed on other features than today's is exploratory, and a fit is due (macros/registry/fits.sql).
    -#}

with

cards as (
    {{ clientele.fit_part(ref('persona_fit_fields'), 'card', {
        'status': 'varchar(256)',
        'reason': 'varchar(4096)',
        'gate': 'varchar(256)',
        'gate_reason': 'varchar(4096)',
        'model_status': 'varchar(256)',
        'sentence': 'varchar(4096)',
        'k': 'integer',
        'n_users': 'bigint',
        'n_features': 'integer',
        'n_components': 'integer',
        'explained_variance': 'double precision',
        'min_share': 'double precision',
        'n_mismatches': 'bigint',
        'layers': 'varchar(64)',
    }) }}
),

-- what the features were made with when a version was fitted, or last came out of a fit again
marks as (
    select
        model_version,
        fit_number,
        max(text_value) as features_hash,
        row_number() over (partition by model_version order by fit_number desc nulls last) as place
    from {{ ref('persona_fit_fields') }}
    where field = 'features_hash'
    group by model_version, fit_number
),

compared_cards as (
    select
        cards.*,
        coalesce(marks.features_hash = fit_request.features_hash, false) as are_features_current,
        -- what the SQL of today can score
        coalesce(cards.layers, 'none') in ('none', '{{ clientele.setting('deep_layers') }}') as has_its_layers
    from cards
    cross join {{ ref('fit_request') }} as fit_request
    left join marks on cards.model_version = marks.model_version and marks.place = 1
),

judged_cards as (
    select
        fit_number,
        model_version,
        status,
        reason,
        gate as said_gate,
        gate_reason,
        k,
        n_users,
        n_features,
        n_components,
        explained_variance,
        min_share,
        n_mismatches,
        layers,
        are_features_current,
        case when gate = 'passed' and not are_features_current then 'outdated' else gate end as gate,
        case
            when not has_its_layers then 'none'
            when model_status = 'proven' and not are_features_current then 'exploratory'
            else model_status
        end as model_status,
        case
            when not has_its_layers
                then 'This model has layers of ' || layers || ' units and scores with deep_layers set to them alone.'
            when model_status in ('none', 'no_groups') or are_features_current then sentence
            else 'Exploratory: the features have changed since this model was fitted. Fit again: the next build does,'
                || ' unless a newer fit is there already.'
        end as sentence
    from compared_cards
),

{{ clientele.standing_ctes('judged_cards', needs_proof='decided.layers is not null') }},

final as (
    select
        fit_number,
        model_version,
        status,
        cast(model_status as varchar(256)) as model_status,
        reason,
        cast(sentence as varchar(4096)) as sentence,
        k as n_segments,
        n_users,
        n_features,
        n_components,
        explained_variance,
        min_share,
        n_mismatches,
        layers,
        are_features_current,
        said_gate as gate,
        cast(decision as varchar(256)) as decision,
        decision_reason,
        is_champion,
        is_challenger
    from standing
)

select * from final
