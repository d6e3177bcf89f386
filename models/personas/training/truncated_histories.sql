{#- Grain: one user with a long history and one part of it, with the features that the user would have had if nothing
    else had happened: the first n events (as of the nth), the whole, and halves of it (odd and even sessions, earlier
    and later events). From it the study of short histories learns after how many events a persona is known.
    At most about 5,000 users, and only while a model waits for its study; empty otherwise. A view: features_as_of holds
    the parts. -#}
{{ config(materialized='view') }}

with

feature_values as (
    select * from {{ ref('user_feature_values') }}
),

profiled as (
    select user_sk, n_events from feature_values where {{ clientele.may_be_profiled('user_sk') }}
),

mature as (
    {{ clientele.mature_events('profiled') }}
),

parts as (
    select * from {{ ref('features_as_of') }} where kind = 'part'
),

cut_users as (
    select distinct user_sk from parts
),

final as (
    select
        parts.user_sk,
        parts.part,
        parts.n_events,
        mature.n_events as mature_events,
        {% for feature in clientele.feature_names() %}
        parts.{{ feature }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from parts
    cross join mature
    union all
    select
        feature_values.user_sk,
        cast('whole' as varchar(8)) as part,
        feature_values.n_events,
        mature.n_events as mature_events,
        {% for feature in clientele.feature_names() %}
        feature_values.{{ feature }}{% if not loop.last %},{% endif %}
        {% endfor %}
    from feature_values
    inner join cut_users on feature_values.user_sk = cut_users.user_sk
    cross join mature
)

select * from final
