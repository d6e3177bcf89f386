{#- Grain: one customer and purpose for which a consent is given and not withdrawn, as consent_states says.
    Late data: built whole in each run. -#}

select
    user_sk,
    user_key,
    purpose
from {{ ref('consent_states') }}
where consent_state = 'given'
