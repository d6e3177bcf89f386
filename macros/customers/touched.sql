{#- Whose features a load changes: of the users in its files, and of all others that it reaches through the catalogue. -#}

{% macro users_with_other_features() %}
    {#- user_sk of touched users, of users of a product whose family, brand or price level has changed, and of all when the
        priors have. For incremental models that keep features, or anything else that is made of events and the taxonomy. -#}
    select user_sk from {{ ref('users') }} where last_load_id > {{ clientele.taken_in() }}
    union
    select events.user_sk
    from {{ ref('events') }} as events
    inner join {{ ref('product_taxonomy') }} as product_taxonomy on events.product_id = product_taxonomy.product_id
    where product_taxonomy.changed_load_id > {{ clientele.taken_in() }}
    union
    select users.user_sk
    from {{ ref('users') }} as users
    cross join {{ ref('shop_priors') }} as shop_priors
    where shop_priors.load_id > {{ clientele.taken_in() }}
    union
    select users.user_sk
    from {{ ref('users') }} as users
    cross join (select max(load_id) as load_id from {{ ref('feature_priors') }}) as feature_priors
    where feature_priors.load_id > {{ clientele.taken_in() }}
{% endmacro %}


{% macro profile_ctes() %}
    {#- CTEs that end in `profiles`, the users who have features; in an incremental run those alone whose features the load
        changes. For incremental models beside user_feature_values. -#}
    {% if is_incremental() %}
touched_users as (
    {{ clientele.users_with_other_features() }}
),

    {% endif %}
profiles as (
    select feature_values.user_sk
    from {{ ref('user_feature_values') }} as feature_values
    {% if is_incremental() %}
    inner join touched_users on feature_values.user_sk = touched_users.user_sk
    {% endif %}
)
{% endmacro %}
