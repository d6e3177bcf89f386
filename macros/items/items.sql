{#- Brands and categories as items, and when they are grouped. -#}

{% macro item_numbers() %}
    {#- What an item is like: columns of core.item_features. Customers and the price say how large and how dear, the
        others how it is bought. -#}
    {{ return([
        'customers_ln', 'events_per_customer_ln', 'cart_logit', 'purchase_logit', 'repeat_logit', 'price_ln',
        'weekend_logit',
    ]) }}
{% endmacro %}


{% macro item_kinds() %}
    {#- Each kind of item, and the column of core.product_taxonomy that names one. -#}
    {{ return({'brand': 'brand', 'category': 'category_code'}) }}
{% endmacro %}


{% macro imputed_attributes() %}
    {#- What a product may lack: the name, and SQL that is empty where it does. -#}
    {{ return({
        'category_family': "nullif(category_family, 'unclassified')",
        'brand': 'brand',
    }) }}
{% endmacro %}


{% macro n_draws() %}
    {#- Draws for each product that lacks something, as clientele.items.coviews.N_DRAWS. -#}
    {{ return(10) }}
{% endmacro %}


{% macro item_fit_is_due() %}
    {#- SQL: whether items are to be grouped in this build: as for every model, and four weeks after the newest fit. An
        expression of as_of_date. -#}
    {%- set is_on = clientele.head_is_on('items') or clientele.head_is_on('imputation') -%}
    {%- if not is_on -%}{{ return('false') }}{%- endif -%}
    {{ return(clientele.dated_fit_is_due('item_fit_fields', 28)) }}
{% endmacro %}


{% macro least_item_customers() %}
    {#- An item of fewer customers tells of them rather than of itself. -#}
    {{ return([clientele.setting('min_cell_users'), 20] | max) }}
{% endmacro %}


{% macro visit_ctes() %}
    {#- CTEs that end in `seen`: user_sk, session_sk, local_date and product_id of every product of every session, once;
        of customers who may be profiled, bots left out. -#}
bot_sessions as (
    select distinct user_sk, session_sk from {{ ref('user_sessions') }} where is_bot
),

seen as (
    select distinct
        events.user_sk,
        events.session_sk,
        cast({{ clientele.local_time('events.event_at') }} as date) as local_date,
        events.product_id
    from {{ ref('events') }} as events
    left join bot_sessions on events.user_sk = bot_sessions.user_sk and events.session_sk = bot_sessions.session_sk
    where bot_sessions.user_sk is null and {{ clientele.may_be_profiled('events.user_sk') }}
)
{% endmacro %}


{% macro named_group_ctes() %}
    {#- CTEs that end in `named`: the groups of the fits that score, each kind of items by its own, with names and sizes. -#}
group_heads as (
    select * from {{ ref('item_heads') }} where scored_by = 'groups'
),

fitted_groups as (
    {{ clientele.fit_part(ref('item_fit_fields'), 'group', {
        'item_kind': 'varchar(16)',
        'group_id': 'integer',
        'group_name': 'varchar(256)',
        'group_name_fr': 'varchar(256)',
        'n_items': 'bigint',
        'n_customers': 'bigint',
        'change': 'varchar(16)',
    }) }}
),

named as (
    select
        fitted_groups.fit_number,
        fitted_groups.item_kind,
        fitted_groups.group_id,
        fitted_groups.group_name,
        fitted_groups.group_name_fr,
        fitted_groups.n_items,
        fitted_groups.n_customers,
        fitted_groups.change,
        group_heads.model_version
    from fitted_groups
    inner join group_heads
        on
            fitted_groups.fit_number = group_heads.fit_number
            and group_heads.subject = fitted_groups.item_kind || ' groups'
)
{% endmacro %}
