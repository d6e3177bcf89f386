{#- The days as of which lists are made: for publishing, and for judging. -#}

{% macro recommendation_origins() %}
    {#- Rows of days_back and origin_date: 0 for what is published; 30, 60 and 90 where there are thirty days before. -#}
    {% for days_back in [0, 30, 60, 90] -%}
    select
        {{ days_back }} as days_back,
        cast({{ dbt.dateadd('day', 1 - days_back, 'as_of_date') }} as date) as origin_date
    from {{ ref('prediction_request') }}
    where {{ 'true' if days_back == 0 else 'n_days >= ' ~ (30 + days_back) }}
        and {{ 'true' if clientele.head_is_on('recommendations') else 'false' }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
{%- endmacro %}
