{#- Grain: one persona and feature: the persona's median beside everybody's, over users who have a persona. Personas of
    fewer than min_cell_users users are left out. One sort per feature and none shared, as Redshift wants it. -#}

with

personas as (
    select persona_scores.segment_id, feature_values.*
    from {{ ref('persona_scores') }} as persona_scores
    inner join {{ ref('user_feature_values') }} as feature_values on persona_scores.user_sk = feature_values.user_sk
),

sizes as (
    select segment_id, count(*) as n_users
    from personas
    group by segment_id
    having count(*) >= {{ clientele.setting('min_cell_users') }}
),

medians as (
    {% for feature in clientele.feature_names() -%}
    select
        cast('{{ feature }}' as varchar(64)) as feature,
        segment_id,
        cast(percentile_cont(0.5) within group (order by {{ feature }}) as double precision) as segment_median
    from personas
    group by segment_id
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

quartiles as (
    {% for feature in clientele.feature_names() -%}
    select
        cast('{{ feature }}' as varchar(64)) as feature,
        cast(percentile_cont(0.25) within group (order by {{ feature }}) as double precision) as lower_quartile,
        cast(percentile_cont(0.5) within group (order by {{ feature }}) as double precision) as population_median,
        cast(percentile_cont(0.75) within group (order by {{ feature }}) as double precision) as upper_quartile
    from personas
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

final as (
    select
        labels.model_version,
        medians.segment_id,
        labels.segment_name,
        feature_catalog.block,
        medians.feature,
        feature_catalog.feature_position,
        feature_catalog.meaning,
        medians.segment_median,
        quartiles.population_median,
        case
            when quartiles.upper_quartile > quartiles.lower_quartile
                then (medians.segment_median - quartiles.population_median)
                    / ((quartiles.upper_quartile - quartiles.lower_quartile) / 1.349)
            else 0
        end as robust_z
    from medians
    inner join sizes on medians.segment_id = sizes.segment_id
    inner join quartiles on medians.feature = quartiles.feature
    inner join {{ ref('feature_catalog') }} as feature_catalog
        on medians.feature = feature_catalog.feature
    inner join {{ ref('segment_labels') }} as labels on medians.segment_id = labels.segment_id
)

select * from final
