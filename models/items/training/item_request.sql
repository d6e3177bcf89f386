{#- Grain: the build, one row: whether items are to be grouped and families learnt in it (item_fit_is_due has the rule),
    and the day that it describes, in the shop's local time. -#}
-- depends_on: {{ ref('product_taxonomy') }}
-- depends_on: {{ ref('user_sessions') }}

with

described as (
    select cast({{ clientele.local_time('as_of_at') }} as date) as as_of_date
    from {{ ref('as_of') }}
),

final as (
    select
        cast({{ clientele.item_fit_is_due() }} as boolean) as is_due,
        cast({{ clientele.fit_settings(['min_cell_users']) }} as varchar(4096)) as fit_settings,
        as_of_date,
        {% for head in ['items', 'imputation'] %}
        {% set switch = 'on' if clientele.head_is_on(head) else 'off' %}
        cast('{{ switch }}' as varchar(8)) as {{ head }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from described
)

select * from final
