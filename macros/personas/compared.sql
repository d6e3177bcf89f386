{#- Each persona against the others, feature by feature. -#}

{% macro persona_profile_ctes(statistics, labels) %}
    {#- CTEs that end in `persona_profiles`. `statistics`: a relation as core.feature_statistics, `labels`: a relation or CTE
        as core.segment_labels. -#}
segments as (
    select * from {{ statistics }} where segment_id is not null
),

everybody as (
    select
        segment_sums.*,
        quartiles.lower_quartile,
        quartiles.median_value,
        quartiles.upper_quartile
    from (
        select feature, sum(n_users) as n_users, sum(sum_value) as sum_value, sum(sum_squared) as sum_squared
        from segments
        group by feature
    ) as segment_sums
    inner join {{ statistics }} as quartiles
        on segment_sums.feature = quartiles.feature and quartiles.segment_id is null
),

-- sums of the persona and of the rest
compared as (
    select
        segments.feature,
        segments.segment_id,
        {{ clientele.double('segments.n_users') }} as n_users,
        {{ clientele.double('segments.sum_value') }} as sum_value,
        {{ clientele.double('segments.sum_squared') }} as sum_squared,
        {{ clientele.double('everybody.n_users - segments.n_users') }} as rest_users,
        {{ clientele.double('everybody.sum_value - segments.sum_value') }} as rest_value,
        {{ clientele.double('everybody.sum_squared - segments.sum_squared') }} as rest_squared
    from segments
    inner join everybody on segments.feature = everybody.feature
),

differences as (
    select
        feature,
        segment_id,
        sum_value / n_users - rest_value / rest_users as mean_difference,
        -- Welch (1947); the normal quantile, as groups are large
        1.96 * sqrt(
            greatest(sum_squared - power(sum_value, 2) / n_users, 0) / (n_users - 1) / n_users
            + greatest(rest_squared - power(rest_value, 2) / rest_users, 0) / (rest_users - 1) / rest_users
        ) as half_width
    from compared
    where n_users > 1 and rest_users > 1 and {{ clientele.is_publishable('rest_users') }}
),

persona_profiles as (
    select
        labels.model_version,
        segments.segment_id,
        labels.segment_name,
        feature_catalog.block,
        segments.feature,
        feature_catalog.feature_position,
        feature_catalog.label,
        feature_catalog.label_fr,
        feature_catalog.unit,
        feature_catalog.basis,
        feature_catalog.meaning,
        segments.n_users,
        segments.median_value as segment_median,
        everybody.median_value as population_median,
        {{ clientele.natural('segments.median_value', 'feature_catalog.scale') }} as segment_value,
        {{ clientele.natural('everybody.median_value', 'feature_catalog.scale') }} as population_value,
        case
            when everybody.upper_quartile > everybody.lower_quartile
                then (segments.median_value - everybody.median_value)
                    / ((everybody.upper_quartile - everybody.lower_quartile) / 1.349)
            else 0
        end as robust_z,
        differences.mean_difference,
        differences.mean_difference - differences.half_width as mean_difference_low,
        differences.mean_difference + differences.half_width as mean_difference_high,
        -- the difference of two logarithms or logits is a ratio
        case when feature_catalog.scale != 'plain' then exp(differences.mean_difference) end as lift,
        case
            when feature_catalog.scale != 'plain' then exp(differences.mean_difference - differences.half_width)
        end as lift_low,
        case
            when feature_catalog.scale != 'plain' then exp(differences.mean_difference + differences.half_width)
        end as lift_high,
        everybody.n_users as n_population
    from segments
    inner join everybody on segments.feature = everybody.feature
    inner join {{ ref('feature_catalog') }} as feature_catalog
        on segments.feature = feature_catalog.feature
    inner join {{ labels }} as labels on segments.segment_id = labels.segment_id
    left join differences on segments.feature = differences.feature and segments.segment_id = differences.segment_id
)
{% endmacro %}
