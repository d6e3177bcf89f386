{#- Grain: one figure of one look back: what a fit on the history up to an earlier day expected of the 30 days after it,
    beside what came. -#}

with

fits as (
    select * from {{ ref('value_models') }}
    where row_kind = 'calibration' or (row_kind = 'card' and item = 'reason')
),

refused as (
    select fit_number from {{ ref('value_fits') }} where status = 'no_model'
),

final as (
    select
        fits.fit_number,
        cast(fits.model_version as varchar(64)) as model_version,
        cast(case when fits.row_kind = 'calibration' then substring(fits.text, 1, 10) end as date) as origin_date,
        cast(case when fits.row_kind = 'card' then 'refused' else fits.item end as varchar(16)) as measure,
        cast(case when fits.item = 'decile' then fits.item_position end as integer) as decile,
        fits.value as actual,
        fits.expected,
        fits.low as ci_lo,
        fits.high as ci_hi,
        fits.n_users,
        cast(case
            when fits.row_kind = 'card' then fits.text
            when fits.item = 'refused' then substring(fits.text, 13, 500)
        end as varchar(512)) as reason
    from fits
    left join refused on fits.fit_number = refused.fit_number
    where fits.row_kind = 'calibration' or refused.fit_number is not null
)

select * from final
