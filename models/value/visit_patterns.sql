{#- Grain: one pattern of customers (visits after the first, and age) of the value model that scores, and horizon: the
    visits to be expected of the living where forty terms of the series are too few. Worked out at the fit. -#}

with

fits as (
    {{ clientele.fit_part(ref('value_fit_fields'), 'visits_if_alive', {
        'frequency': 'double precision',
        'age_days': 'double precision',
        'horizon_days': 'integer',
        'visits': 'double precision',
    }) }}
),

final as (
    select fits.frequency, fits.age_days, fits.horizon_days, fits.visits
    from fits
    inner join {{ ref('value_fits') }} as value_fits on fits.fit_number = value_fits.fit_number
    where value_fits.is_current
)

select * from final
