{#- Lists of products: what a customer bought or looked at and may buy again, and what is new to the customer. -#}

{% macro list_length() %}
    {{ return(3) }}
{% endmacro %}


{% macro recommendation_ctes(bought, origins, people, visits, neighbours) %}
    {#- CTEs that end in `listed`: for each origin and customer three products of each list: `again`, `new_popular` and
        `new_neighbours`. `bought`: a CTE with a row per purchase: user_sk, product_id, local_date; `origins`: days_back,
        origin_date; `people`: days_back and user_sk of who gets lists; `visits`: rows of core.product_visits; `neighbours`:
        rows of core.product_neighbours. Nothing of or after the origin is looked at.
        again: the customer's own products, by how often and how lately; then those looked at; then the shop's popular ones.
        new_popular: popular in the thirty days before, and not bought by the customer; then popular ever.
        new_neighbours: what others looked at who looked at the same; then popular. Popularity counts customers. -#}
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

-- popular and not the customer's own: as many as are missing, and as many as may be in a list already
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

{{ clientele.neighbour_ctes(people, visits, neighbours) }},

{{ clientele.listed_ctes(people) }}
{%- endmacro %}


{% macro neighbour_ctes(people, visits, neighbours) %}
    {#- The CTEs `seen` (looked at and not bought, by place) and `alike` (neighbours of the ten products looked at last, not
        bought, by place; because_of: the one of the ten that says most for it). A look counts by how lately it was. -#}
seen as (
    select
        people.days_back,
        people.user_sk,
        visits.product_id,
        visits.days_ago,
        row_number() over (partition by people.days_back, people.user_sk order by visits.place asc) as place
    from {{ people }} as people
    inner join {{ visits }} as visits on people.days_back = visits.days_back and people.user_sk = visits.user_sk
    left join own
        on people.days_back = own.days_back and people.user_sk = own.user_sk and visits.product_id = own.product_id
    where own.user_sk is null
),

voices as (
    select
        people.days_back,
        people.user_sk,
        neighbours.neighbour_id as product_id,
        visits.product_id as because_of,
        {{ clientele.exact('neighbours.similarity * exp(-' ~ clientele.double('visits.days_ago') ~ ' / 30e0)') }} as voice
    from {{ people }} as people
    inner join {{ visits }} as visits
        on people.days_back = visits.days_back and people.user_sk = visits.user_sk and visits.place <= 10
    inner join {{ neighbours }} as neighbours
        on visits.days_back = neighbours.days_back and visits.product_id = neighbours.product_id
),

loudest as (
    select
        voices.*,
        row_number() over (
            partition by days_back, user_sk, product_id order by voice desc nulls last, because_of asc
        ) as place
    from voices
),

spoken as (
    select
        loudest.days_back,
        loudest.user_sk,
        loudest.product_id,
        max(case when loudest.place = 1 then loudest.because_of end) as because_of,
        sum(loudest.voice) as score
    from loudest
    left join own
        on loudest.days_back = own.days_back and loudest.user_sk = own.user_sk and loudest.product_id = own.product_id
    where own.user_sk is null
    group by loudest.days_back, loudest.user_sk, loudest.product_id
),

alike as (
    select
        spoken.*,
        row_number() over (
            partition by days_back, user_sk order by score desc nulls last, product_id asc
        ) as place
    from spoken
)
{%- endmacro %}


{% macro listed_ctes(people) %}
    {#- The CTE `listed`: of each list the three that are preferred most, each product once. -#}
    {%- set length = clientele.list_length() -%}
    {%- set none_of = 'cast(null as bigint)' -%}
candidates as (
    {% for kind, preference, table, score, source, because_of in [
        ('again', 1, 'own_places', 'score', 'own_history', 'product_id'),
        ('again', 2, 'seen', '-days_ago', 'own_visits', 'product_id'),
        ('again', 3, 'others', 'n_late_buyers', 'popular', none_of),
        ('new_popular', 1, 'others', 'n_late_buyers', 'popular', none_of),
        ('new_neighbours', 1, 'alike', 'score', 'neighbours', 'because_of'),
        ('new_neighbours', 2, 'others', 'n_late_buyers', 'popular', none_of),
    ] -%}
    select
        days_back,
        user_sk,
        '{{ kind }}' as kind,
        {{ preference }} as preference,
        place,
        product_id,
        {{ clientele.double(score) }} as score,
        '{{ source }}' as source,
        {{ because_of }} as because_of
    from {{ table }}
    where place <= {{ 2 * length }}
    {% if table == 'own_places' %}and user_sk in (select user_sk from {{ people }}){% endif %}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

once as (
    select
        candidates.*,
        row_number() over (
            partition by days_back, user_sk, kind, product_id order by preference asc
        ) as which
    from candidates
),

placed as (
    select
        once.*,
        row_number() over (partition by days_back, user_sk, kind order by preference asc, place asc) as list_place
    from once
    where which = 1
),

listed as (
    select * from placed
    where list_place <= {{ length }}
)
{%- endmacro %}
