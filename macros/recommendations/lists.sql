{#- Lists of products: what a customer bought or looked at and may buy again, and what is new to the customer. -#}

{% macro list_length() %}
    {{ return(3) }}
{% endmacro %}


{% macro recommendation_ctes(bought, origins, people, visits, neighbours, wanted) %}
    {#- CTEs that end in `listed`: for each origin and customer three products of each list that is wanted: `again`,
        `new_popular` and `new_neighbours`. `bought`: a CTE with a row per purchase: user_sk, product_id, local_date; `origins`:
        days_back, origin_date; `people`: days_back and user_sk of who gets lists; `visits`: rows of core.product_visits;
        `neighbours`: rows of core.product_neighbours; `wanted`: a CTE with a row per kind of list. Nothing of or after the
        origin is looked at.
        again: the customer's own products, by how often and how lately; then those looked at; then the shop's popular ones.
        new_popular: popular in the thirty days before, and not bought by the customer; then popular ever.
        new_neighbours: what others looked at who looked at the same; then popular. Popularity counts customers. -#}
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

{{ clientele.neighbour_ctes(people, visits, neighbours) }},

{{ clientele.listed_ctes(people, wanted) }}
{%- endmacro %}


{% macro neighbour_ctes(people, visits, neighbours) %}
    {#- The CTEs `seen` (looked at and not bought, by place) and `alike` (neighbours of the ten products looked at last, not
        bought, the three best; because_of: the one of the ten that says most for it). A look counts by how lately it was. -#}
    {%- set voice = clientele.exact('neighbours.similarity * exp(-' ~ clientele.double('visits.days_ago') ~ ' / 30e0)') -%}
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

-- a customer has a hundred neighbours or more: what is not needed of each is left out until the best are known
spoken as (
    select
        people.days_back,
        people.user_sk,
        neighbours.neighbour_id as product_id,
        sum({{ voice }}) as score
    from {{ people }} as people
    inner join {{ visits }} as visits
        on people.days_back = visits.days_back and people.user_sk = visits.user_sk and visits.place <= 10
    inner join {{ neighbours }} as neighbours
        on visits.days_back = neighbours.days_back and visits.product_id = neighbours.product_id
    group by people.days_back, people.user_sk, neighbours.neighbour_id
),

spoken_places as (
    select
        spoken.*,
        row_number() over (
            partition by spoken.days_back, spoken.user_sk order by spoken.score desc nulls last, spoken.product_id asc
        ) as place
    from spoken
    left join own
        on spoken.days_back = own.days_back and spoken.user_sk = own.user_sk and spoken.product_id = own.product_id
    where own.user_sk is null
),

best as (
    select * from spoken_places
    where place <= {{ clientele.list_length() }}
),

reasons as (
    select
        best.*,
        visits.product_id as because_of,
        row_number() over (
            partition by best.days_back, best.user_sk, best.product_id
            order by {{ voice }} desc nulls last, visits.product_id asc
        ) as reason
    from best
    inner join {{ visits }} as visits
        on best.days_back = visits.days_back and best.user_sk = visits.user_sk and visits.place <= 10
    inner join {{ neighbours }} as neighbours
        on
            visits.days_back = neighbours.days_back
            and visits.product_id = neighbours.product_id
            and best.product_id = neighbours.neighbour_id
),

alike as (
    select * from reasons
    where reason = 1
)
{%- endmacro %}


{% macro listed_ctes(people, wanted) %}
    {#- The CTE `listed`: of each list the three that are preferred most, each product once. -#}
    {%- set length = clientele.list_length() -%}
    {%- set n_own = 'coalesce(own_counts.n_own, 0)' -%}
firsts as (
    {% for kind, table, place, score, source, because_of in [
        ('again', 'own_places', 'own_places.place', 'own_places.score', 'own_history', 'own_places.product_id'),
        ('again', 'seen', 'seen.place + ' ~ n_own, '-seen.days_ago', 'own_visits', 'seen.product_id'),
        ('new_neighbours', 'alike', 'alike.place', 'alike.score', 'neighbours', 'alike.because_of'),
    ] -%}
    select
        {{ table }}.days_back,
        {{ table }}.user_sk,
        '{{ kind }}' as kind,
        {{ place }} as list_place,
        {{ table }}.product_id,
        {{ clientele.double(score) }} as score,
        '{{ source }}' as source,
        {{ because_of }} as because_of
    from {{ table }}
    {% if table == 'own_places' -%}
    inner join {{ people }} as people on own_places.days_back = people.days_back and own_places.user_sk = people.user_sk
    {% elif table == 'seen' -%}
    left join own_counts on seen.days_back = own_counts.days_back and seen.user_sk = own_counts.user_sk
    {% endif -%}
    where {{ place }} <= {{ length }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

{{ clientele._filler_ctes(people, wanted) }},

listed as (
    select firsts.* from firsts
    inner join {{ wanted }} as wanted on firsts.kind = wanted.kind
    union all
    select * from fillers
    where list_place <= {{ length }}
)
{%- endmacro %}


{% macro _filler_ctes(people, wanted) %}
    {#- The CTE `fillers`: popular products for the lists that are short of some, and for no other list. -#}
    {%- set length = clientele.list_length() -%}
lengths as (
    select
        days_back,
        user_sk,
        kind,
        count(*) as n_listed
    from firsts
    group by days_back, user_sk, kind
),

short_of as (
    select
        people.days_back,
        people.user_sk,
        wanted.kind,
        coalesce(lengths.n_listed, 0) as n_listed
    from {{ people }} as people
    cross join {{ wanted }} as wanted
    left join lengths
        on people.days_back = lengths.days_back and people.user_sk = lengths.user_sk and wanted.kind = lengths.kind
    where coalesce(lengths.n_listed, 0) < {{ length }}
),

-- popular and not the customer's own: as many as are missing, and as many as may be in a list already
others as (
    select
        lacking.days_back,
        lacking.user_sk,
        charts.product_id,
        charts.n_late_buyers,
        row_number() over (partition by lacking.days_back, lacking.user_sk order by charts.place asc) as place
    from (select distinct days_back, user_sk from short_of) as lacking
    left join own_counts on lacking.days_back = own_counts.days_back and lacking.user_sk = own_counts.user_sk
    inner join charts
        on lacking.days_back = charts.days_back and charts.place <= {{ 2 * length }} + coalesce(own_counts.n_own, 0)
    left join own
        on lacking.days_back = own.days_back and lacking.user_sk = own.user_sk and charts.product_id = own.product_id
    where own.user_sk is null
),

fillers as (
    select
        short_of.days_back,
        short_of.user_sk,
        short_of.kind,
        short_of.n_listed + row_number() over (
            partition by short_of.days_back, short_of.user_sk, short_of.kind order by others.place asc
        ) as list_place,
        others.product_id,
        {{ clientele.double('others.n_late_buyers') }} as score,
        'popular' as source,
        cast(null as bigint) as because_of
    from short_of
    inner join others
        on short_of.days_back = others.days_back and short_of.user_sk = others.user_sk and others.place <= {{ 2 * length }}
    left join firsts
        on
            short_of.days_back = firsts.days_back
            and short_of.user_sk = firsts.user_sk
            and short_of.kind = firsts.kind
            and others.product_id = firsts.product_id
    where firsts.user_sk is null
)
{%- endmacro %}
