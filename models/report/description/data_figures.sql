{#- Grain: one figure about all customers, or about two of their features, as it may be published: rounded by the
    customers that it is made of. A correlation or a loading may be next to nothing: its step is that of the greatest
    one, 1. Late data: built whole in each run. -#}
{% set of_one = clientele.double(clientele.cell_step()) ~ ' / nullif(n_users, 0)' %}

with

features as (
    select feature, label, label_fr from {{ ref('feature_catalog') }}
),

figures as (
    select
        topic,
        item,
        '' as other_item,
        item_position,
        n_users,
        told as figure,
        largest
    from {{ ref('data_profile_figures') }}
    union all
    select
        'correlation' as topic,
        feature as item,
        other_feature as other_item,
        1 as item_position,
        n_users,
        correlation as figure,
        {{ of_one }} as largest
    from {{ ref('data_profile_correlations') }}
    union all
    select
        'loading' as topic,
        feature as item,
        '' as other_item,
        component as item_position,
        n_users,
        loading as figure,
        {{ of_one }} as largest
    from {{ ref('data_profile_components') }}
    where component <= 3
    union all
    select
        'scree' as topic,
        'component' as item,
        '' as other_item,
        component as item_position,
        max(n_users) as n_users,
        max(explained_share) as figure,
        cast(null as double precision) as largest
    from {{ ref('data_profile_components') }}
    group by component
),

final as (
    select
        cast(figures.topic as varchar(16)) as topic,
        cast(figures.item as varchar(64)) as item,
        cast(figures.other_item as varchar(64)) as other_item,
        cast(figures.item_position as integer) as item_position,
        cast(figures.n_users as bigint) as n_users,
        figures.figure,
        figures.largest,
        cast(features.label as varchar(256)) as label,  -- noqa: RF04
        cast(features.label_fr as varchar(256)) as label_fr,
        cast(other_features.label as varchar(256)) as other_label,
        cast(other_features.label_fr as varchar(256)) as other_label_fr
    from figures
    left join features on figures.item = features.feature
    left join features as other_features on figures.other_item = other_features.feature
),

publishable as (
    {{ clientele.published_cells('final', keys=['topic', 'item', 'other_item', 'item_position'],
        within=['topic', 'item', 'other_item', 'item_position']) }}
)

select * from publishable
