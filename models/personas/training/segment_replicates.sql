{#- Grain: one user of the sample and one half of the user's sessions (earlier, later): the same features twice, from
    which the fit learns how reliable each is. Halves in time, not odd and even sessions: a habit is what lasts, and
    halves that share their days agree on how often and in which season without either being one.
    Only when a fit is due; empty otherwise. A view: features_as_of holds the rows. -#}
{{ config(materialized='view') }}

with

halves as (
    select * from {{ ref('features_as_of') }} where kind = 'half'
),

final as (
    select
        cast(part as varchar(7)) as half,
        user_sk,
        {% for feature in clientele.feature_names() %}
        {{ feature }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from halves
)

select * from final
