{#- Each persona against the others, feature by feature. -#}

{% macro persona_difference_ctes(statistics) %}
    {#- CTEs that end in `spreads` and `differences`. `statistics`: a relation as core.feature_statistics. -#}
{%- set far = {
    'own': ('greatest_value', 'lowest_value', 'sum_value / n_users', 'n_users'),
    'rest': ('greatest_of_all', 'lowest_of_all', 'rest_value / rest_users', 'rest_users'),
} -%}
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
        select
            feature,
            sum(n_users) as n_users,
            sum(sum_value) as sum_value,
            sum(sum_squared) as sum_squared,
            min(lowest_value) as lowest_value,
            max(greatest_value) as greatest_value
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
        segments.lowest_value,
        segments.greatest_value,
        {{ clientele.double('everybody.n_users') }} as all_users,
        {{ clientele.double('everybody.sum_value') }} as all_value,
        {{ clientele.double('everybody.sum_squared') }} as all_squared,
        everybody.lowest_value as lowest_of_all,
        everybody.greatest_value as greatest_of_all,
        {{ clientele.double('everybody.n_users - segments.n_users') }} as rest_users,
        {{ clientele.double('everybody.sum_value - segments.sum_value') }} as rest_value,
        {{ clientele.double('everybody.sum_squared - segments.sum_squared') }} as rest_squared
    from segments
    inner join everybody on segments.feature = everybody.feature
),

-- what cell_step() customers a standard deviation away make in a mean of so many; a median moves by the gap beside it, and is
-- told no finer than its standard error either
spreads as (
    select
        deviations.*,
        {% for whose, n in {'own': 'n_users', 'all': 'all_users', 'rest': 'rest_users'}.items() -%}
        coalesce({{ clientele.cell_step() }} * {{ whose }}_deviation / nullif({{ n }}, 0), 0) as {{ whose }}_step,
        coalesce({{ whose }}_deviation * greatest({{ clientele.cell_step() }} / nullif({{ n }}, 0), 1.2533 / sqrt(nullif({{ n }}, 0))), 0)
            as {{ whose }}_median_step{{ ',' if not loop.last }}
        {% endfor %}
    from (
        select
            compared.*,
            {% for whose, of in {'own': ('n_users', 'sum'), 'all': ('all_users', 'all'), 'rest': ('rest_users', 'rest')}.items() -%}
            sqrt(
                greatest({{ of[1] }}_squared - power({{ of[1] }}_value, 2) / nullif({{ of[0] }}, 0), 0) / nullif({{ of[0] }} - 1, 0)
            ) as {{ whose }}_deviation{{ ',' if not loop.last }}
            {% endfor %}
        from compared
    ) as deviations
),

-- a mean moves by as much when one customer goes; an end of its interval by no more than three times that
differences as (
    select
        feature,
        segment_id,
        sum_value / n_users - rest_value / rest_users as mean_difference,
        -- Welch (1947); the normal quantile, as groups are large
        1.96 * sqrt(power(own_deviation, 2) / n_users + power(rest_deviation, 2) / rest_users) as half_width,
        greatest(
            own_step,
            rest_step,
            {% for most, least, mean, n in far.values() -%}
            3 * greatest({{ most }} - {{ mean }}, {{ mean }} - {{ least }}) / ({{ n }} - 1){{ ',' if not loop.last }}
            {% endfor %}
        ) as largest_difference
    from spreads
    where n_users > 1 and rest_users > 1 and {{ clientele.is_publishable('rest_users') }}
)
{% endmacro %}


{% macro persona_profile_ctes(statistics, labels) %}
    {#- CTEs that end in `persona_profiles`. `statistics`: a relation as core.feature_statistics, `labels`: a relation or CTE
        as core.segment_labels. `largest_…`: what one customer makes in a figure at the most, by the spread of the feature and
        not by the figure, which may be next to nothing. -#}
{{ clientele.persona_difference_ctes(statistics) }},

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
        spreads.own_median_step as largest_median,
        spreads.all_median_step as largest_population_median,
        {% for name, of in {'value': ('segments', 'own'), 'population_value': ('everybody', 'all')}.items() -%}
        -- a share above a half falls further than it rises
        greatest(
            {{ clientele.natural(of[0] ~ '.median_value + spreads.' ~ of[1] ~ '_median_step', 'feature_catalog.scale') }}
            - {{ clientele.natural(of[0] ~ '.median_value', 'feature_catalog.scale') }},
            {{ clientele.natural(of[0] ~ '.median_value', 'feature_catalog.scale') }}
            - {{ clientele.natural(of[0] ~ '.median_value - spreads.' ~ of[1] ~ '_median_step', 'feature_catalog.scale') }}
        ) as largest_{{ name }},
        {% endfor -%}
        (spreads.own_median_step + spreads.all_median_step) * 1.349
        / nullif(everybody.upper_quartile - everybody.lower_quartile, 0) as largest_z,
        differences.largest_difference,
        case
            when feature_catalog.scale != 'plain'
                then exp(differences.mean_difference + differences.half_width) * (exp(differences.largest_difference) - 1)
        end as largest_lift,
        everybody.n_users as n_population
    from segments
    inner join spreads on segments.feature = spreads.feature and segments.segment_id = spreads.segment_id
    inner join everybody on segments.feature = everybody.feature
    inner join {{ ref('feature_catalog') }} as feature_catalog
        on segments.feature = feature_catalog.feature
    inner join {{ labels }} as labels on segments.segment_id = labels.segment_id
    left join differences on segments.feature = differences.feature and segments.segment_id = differences.segment_id
)
{% endmacro %}
