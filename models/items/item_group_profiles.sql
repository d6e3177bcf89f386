{#- Grain: one group of brands or categories and number that describes it: the median of its items beside that of all
    items. -#}

with

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

{{ clientele.named_group_ctes() }},

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
        -- both may be next to nothing: their step is that of a difference of one standard deviation
        {{ clientele.double(clientele.cell_step()) }} / nullif(named.n_customers, 0) as largest_z,
        {{ clientele.double(clientele.cell_step()) }} / nullif(named.n_customers, 0)
        * abs((profiles.group_median - profiles.median) / nullif(profiles.robust_z, 0)) as largest_median,
        named.model_version
    from profiles
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
