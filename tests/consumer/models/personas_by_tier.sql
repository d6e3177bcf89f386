{#- Grain: one persona and value tier, on clientele's marts. -#}
select
    segment_name,
    value_tier,
    count(*) as n_customers
from {{ ref('clientele', 'user_segments') }}
group by segment_name, value_tier
