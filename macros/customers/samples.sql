{#- Deterministic samples of users. A user_sk is 60 bits of a keyed hash, so that those below a threshold are a uniform
    sample, the same in every run and whatever the order of rows. -#}

{% macro sampled(users, n_sample) %}
    {#- user_sk of about n_sample users (never more than a few standard deviations above) out of `users`, a CTE. -#}
    select {{ users }}.user_sk
    from {{ users }}
    cross join (select {{ clientele.double('count(*)') }} as n_users from {{ users }}) as counted
    where {{ clientele.double(users ~ '.user_sk') }} < 1152921504606846976.0 * {{ n_sample }} / counted.n_users
{% endmacro %}
