{#- Grain: one row of the newest fit that scores: a weight, a cut point or a cell of the heuristic, a parameter. -#}
{% set kinds = ['weight', 'cut', 'cell', 'parameter'] %}

with

newest as (
    select max(fit_number) as fit_number from {{ ref('prediction_heads') }}
),

{% for kind in kinds %}
{{ kind }}_rows as (
    {{ clientele.fit_part(ref('prediction_fit_fields'), kind, {
        'output': 'varchar(32)',
        'feature': 'varchar(64)',
        'feature_position': 'bigint',
        'piece': 'bigint',
        'weight': 'double precision',
        'clip_lo': 'double precision',
        'clip_hi': 'double precision',
        'feature_mean': 'double precision',
    }) }}
),

{% endfor %}
together as (
    {% for kind in kinds %}
    select
        {{ kind }}_rows.*,
        '{{ kind }}' as row_kind
    from {{ kind }}_rows
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

final as (
    select
        cast(together.row_kind as varchar(16)) as row_kind,
        cast(coalesce(together.output, '') as varchar(32)) as output,
        together.feature,
        together.feature_position,
        together.piece,
        together.weight,
        together.clip_lo,
        together.clip_hi,
        together.feature_mean
    from together
    inner join newest on together.fit_number = newest.fit_number
)

select * from final
