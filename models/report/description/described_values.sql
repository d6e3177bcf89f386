{#- Grain: one month (UTC), and category code or brand of its events: how many customers met it. Late data: a month
    with a touched day is counted again from its events. -#}
-- depends_on: {{ ref('touched_days') }}
-- depends_on: {{ ref('event_files') }}
{{ config(materialized='incremental', incremental_strategy='touched_months', post_hook='{{ clientele.mark_load() }}') }}

with

{{ clientele.events_of_touched_months(['user_sk', 'category_code', 'brand']) }},

final as (
    {% for attribute in ['category_code', 'brand'] %}
    select
        month_date,
        cast('{{ attribute }}' as varchar(16)) as attribute,  -- noqa: RF04
        cast({{ attribute }} as varchar(256)) as value_text,
        count(distinct user_sk) as n_users
    from events
    where {{ attribute }} is not null
    group by month_date, {{ attribute }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select * from final
