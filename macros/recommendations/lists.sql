{#- Lists of products: what a customer bought before and may buy again, and what is new to the customer. -#}

{% macro list_length() %}
    {{ return(3) }}
{% endmacro %}


{% macro recommendation_ctes(bought, origins, people) %}
    {#- CTEs that end in `listed`: for each origin and customer, three products of the kind `again` and three of the kind `new`.
        `bought`: a CTE with a row per purchase: user_sk, product_id, local_date; `origins`: days_back, origin_date;
        `people`: days_back and user_sk of who gets lists. Nothing of or after the origin is looked at.
        again: the customer's own products, by how often and how lately; then the shop's popular ones.
        new: popular in the thirty days before, and not bought by the customer; then popular ever.
        Popularity counts customers, not pieces. A list is full wherever the shop has sold enough products. -#}
    {%- set length = clientele.list_length() -%}
known_purchases as (
    select
        origins.days_back,
        origins.origin_date,
        bought.user_sk,
        bought.product_id,
        {{ clientele.double('count(distinct bought.local_date)') }} as n_days,
        max(bought.local_date) as last_date
    from {{ bought }} as bought
    inner join {{ origins }} as origins on bought.local_date < origins.origin_date
    group by origins.days_back, origins.origin_date, bought.user_sk, bought.product_id
),

popularity as (
    select
        days_back,
        product_id,
        sum(case when last_date >= {{ dbt.dateadd('day', -30, 'origin_date') }} then 1 else 0 end) as n_late_buyers,
        count(*) as n_buyers
    from known_purchases
    group by days_back, product_id
),

-- a customer has bought few products: the list of the popular ones need not be longer than that and three more
charts as (
    select
        days_back,
        product_id,
        n_late_buyers,
        row_number() over (
            partition by days_back order by n_late_buyers desc nulls last, n_buyers desc nulls last, product_id asc
        ) as place
    from popularity
),

own as (
    select
        days_back,
        user_sk,
        product_id,
        -- a day with a purchase counts half as much after sixty days
        n_days * exp(-{{ clientele.double(dbt.datediff('last_date', 'origin_date', 'day')) }} / 87e0) as score
    from known_purchases
),

own_places as (
    select
        own.days_back,
        own.user_sk,
        own.product_id,
        own.score,
        row_number() over (
            partition by own.days_back, own.user_sk order by own.score desc nulls last, own.product_id asc
        ) as place
    from own
),

own_counts as (
    select
        days_back,
        user_sk,
        count(*) as n_own
    from own
    group by days_back, user_sk
),

-- popular and not the customer's own: as many as are missing
others as (
    select
        people.days_back,
        people.user_sk,
        charts.product_id,
        charts.n_late_buyers,
        row_number() over (partition by people.days_back, people.user_sk order by charts.place asc) as place
    from {{ people }} as people
    left join own_counts on people.days_back = own_counts.days_back and people.user_sk = own_counts.user_sk
    inner join charts
        on
            people.days_back = charts.days_back
            and charts.place <= {{ 2 * length }} + coalesce(own_counts.n_own, 0)
    left join own
        on people.days_back = own.days_back and people.user_sk = own.user_sk and charts.product_id = own.product_id
    where own.user_sk is null
),

{{ clientele.listed_ctes(people) }}
{%- endmacro %}


{% macro listed_ctes(people) %}
    {#- The CTE `listed`: the customer's own products first, then the popular ones that are missing. -#}
    {%- set length = clientele.list_length() -%}
listed as (
    select
        days_back,
        user_sk,
        'again' as kind,
        place as list_place,
        product_id,
        score,
        'own_history' as source,
        product_id as because_of
    from own_places
    where place <= {{ length }} and user_sk in (select user_sk from {{ people }})
    union all
    select
        others.days_back,
        others.user_sk,
        'again' as kind,
        others.place + coalesce(own_counts.n_own, 0) as list_place,
        others.product_id,
        {{ clientele.double('others.n_late_buyers') }} as score,
        'popular' as source,
        null as because_of
    from others
    left join own_counts on others.days_back = own_counts.days_back and others.user_sk = own_counts.user_sk
    where others.place + coalesce(own_counts.n_own, 0) <= {{ length }}
    union all
    select
        days_back,
        user_sk,
        'new' as kind,
        place as list_place,
        product_id,
        {{ clientele.double('n_late_buyers') }} as score,
        'popular' as source,
        null as because_of
    from others
    where place <= {{ length }}
)
{%- endmacro %}
