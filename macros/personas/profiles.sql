{#- What personas are profiled by. Medians are exact, so an engine may keep every value until it has the last one:
    DuckDB does, in memory, whatever its limit. It is therefore given a few features at a time. -#}

{% macro feature_statistics_ctes(features, state, scores='persona_scores') %}
    {#- CTEs that end in `statistics`: sums and medians of each persona, and quartiles of everybody with a persona.
        `state`: a CTE with one row and its `fingerprint`, or with no row, when there is nothing to work out. `scores`: the
        name of a model with user_sk and segment_id. -#}
personas as (
    select
        persona_scores.segment_id,
        {% for feature in features %}
        feature_values.{{ feature.name }},
        {% endfor %}
        feature_values.n_orders,
        feature_values.n_carts
    from {{ ref(scores) }} as persona_scores
    inner join {{ ref('user_feature_values') }} as feature_values on persona_scores.user_sk = feature_values.user_sk
    where exists (select 1 from {{ state }})
),

all_statistics as (
    {% for feature in features -%}
    select
        cast('{{ feature.name }}' as varchar(64)) as feature,
        segment_id,
        cast(count(*) as bigint) as n_users,
        cast(sum({{ clientele.exact(feature.name) }}) as decimal(38, 9)) as sum_value,
        cast(sum({{ clientele.exact(feature.name ~ ' * ' ~ feature.name) }}) as decimal(38, 9)) as sum_squared,
        min({{ feature.name }}) as lowest_value,
        max({{ feature.name }}) as greatest_value,
        cast(null as double precision) as lower_quartile,
        {{ clientele.median(feature.name) }} as median_value,
        cast(null as double precision) as upper_quartile
    from personas
    {{ clientele.compared_by(feature.basis) }}
    group by segment_id
    union all
    select
        cast('{{ feature.name }}' as varchar(64)) as feature,
        cast(null as integer) as segment_id,
        cast(null as bigint) as n_users,
        cast(null as decimal(38, 9)) as sum_value,
        cast(null as decimal(38, 9)) as sum_squared,
        cast(null as double precision) as lowest_value,
        cast(null as double precision) as greatest_value,
        {{ clientele.quartile(1, feature.name) }} as lower_quartile,
        {{ clientele.quartile(2, feature.name) }} as median_value,
        {{ clientele.quartile(3, feature.name) }} as upper_quartile
    from personas
    {{ clientele.compared_by(feature.basis) }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

statistics as (
    select all_statistics.*, state.fingerprint
    from all_statistics
    cross join {{ state }} as state
)
{% endmacro %}


{% macro compared_by(basis) -%}
    {#- The where clause that leaves those whom a feature of this basis says something of: the others hold the prior. -#}
    {{- {'users': '', 'buyers': 'where n_orders > 0', 'carters': 'where n_carts > 0'}[basis] -}}
{%- endmacro %}


{% macro statistics_fingerprint_ctes(scores='persona_scores') %}
    {#- CTEs that end in `fingerprints`, one row: who has which persona with which features, in any order, and what is worked
        out of them. Two populations share one about once in 10^19 pairs. -#}
{%- set columns = ['user_sk', 'segment_id', 'n_orders', 'n_carts'] + clientele.feature_names() -%}
{%- set statement = clientele.feature_statistics_ctes(clientele.feature_catalog(), 'state', scores) -%}
profiled as (
    select persona_scores.segment_id, feature_values.*
    from {{ ref(scores) }} as persona_scores
    inner join {{ ref('user_feature_values') }} as feature_values on persona_scores.user_sk = feature_values.user_sk
),

hashed_users as (
    select {{ clientele.row_hash(columns) }} as row_hash from profiled
),

fingerprints as (
    select cast(
        cast(coalesce(sum(row_hash), 0) as varchar(40)) || '-{{ local_md5(statement | string)[:16] }}' as varchar(64)
    ) as fingerprint
    from hashed_users
)
{% endmacro %}


{% macro features_at_once() %}
    {{- return(adapter.dispatch('features_at_once', 'clientele')()) -}}
{% endmacro %}


{% macro insert_other_features(relation, scores='persona_scores') %}
    {#- post_hook, in the transaction of the model that holds the first `features_at_once`: the others, where they are not
        kept. -#}
    {%- set features = clientele.feature_catalog() -%}
    {%- set size = clientele.features_at_once() -%}
    {%- for start in range(size, features | length, size) %}
    insert into {{ relation }}
    with state as (
        select distinct fingerprint from {{ relation }}
        where not exists (select 1 from {{ relation }} as kept where kept.feature = '{{ features[start].name }}')
    ),
    {{ clientele.feature_statistics_ctes(features[start:start + size], 'state', scores) }}
    select * from statistics;
    {%- endfor %}
{% endmacro %}
