{#- Grain: the build, one row: whether customer value is to be fitted in it (macros/registry/fits.sql has the rule), and
    the day that it describes, in the shop's local time. -#}
-- depends_on: {{ ref('customer_visits') }}

with

final as (
    select
        cast({{ 'true' if clientele.fit_is_due('value_fit_fields', 'constants') else 'false' }} as boolean) as is_due,
        cast({{ clientele.fit_settings(['sample_users']) }} as varchar(4096)) as fit_settings,
        cast({{ clientele.local_time('as_of_at') }} as date) as as_of_date
    from {{ ref('as_of') }}
)

select * from final
