{#- Grain: one brand or category that enough customers met, and the group that it belongs to in the fit that scores.
    Late data: groups are those of the fit, every four weeks a new one. -#}

with

labels as (
    {{ clientele.fit_part(ref('item_fit_fields'), 'label', {
        'item_kind': 'varchar(16)',
        'item': 'varchar(256)',
        'n_customers': 'bigint',
        'group_id': 'integer',
        'margin': 'double precision',
    }) }}
),

{{ clientele.named_group_ctes() }},

cells as (
    select
        labels.item_kind,
        labels.item,
        labels.n_customers,
        labels.group_id,
        named.group_name,
        named.group_name_fr,
        labels.margin,
        named.model_version
    from labels
    inner join named
        on
            labels.fit_number = named.fit_number
            and labels.item_kind = named.item_kind
            and labels.group_id = named.group_id
),

publishable as (
    {{ clientele.published_cells('cells', keys=['item_kind', 'item'], within=['item_kind']) }}
)

select * from publishable
