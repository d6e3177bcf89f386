{#- Grain: one group of brands or categories and number that describes it: the median of its items beside that of all
    items. -#}

with

heads as (
    select * from {{ ref('item_heads') }} where scored_by = 'groups'
),

profiles as (
    {{ clientele.fit_part(ref('item_fit_fields'), 'profile', {
        'item_kind': 'varchar(16)',
        'group_id': 'integer',
        'feature': 'varchar(64)',
        'feature_position': 'integer',
        'group_median': 'double precision',
        'median': 'double precision',
        'robust_z': 'double precision',
    }) }}
),

named as (
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

cells as (
    select
        profiles.item_kind,
        profiles.group_id,
        named.group_name,
        named.group_name_fr,
        named.change,
        named.n_items,
        named.n_customers,
        profiles.feature,
        profiles.feature_position,
        profiles.group_median,
        profiles.median as item_median,
        profiles.robust_z,
        heads.model_version
    from profiles
    inner join heads on profiles.fit_number = heads.fit_number and heads.subject = profiles.item_kind || ' groups'
    inner join named
        on
            profiles.fit_number = named.fit_number
            and profiles.item_kind = named.item_kind
            and profiles.group_id = named.group_id
),

publishable as (
    {{ clientele.published_cells(
        'cells', keys=['item_kind', 'group_id', 'feature'], within=['item_kind', 'feature']
    ) }}
)

select * from publishable
