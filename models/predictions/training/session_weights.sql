{#- Grain: one row of the fit of the model of sessions that scores: a weight, a cut point or a cell of the heuristic, a
    parameter. -#}
{% set kinds = ['weight', 'cut', 'cell', 'parameter'] %}

with

champion as (
    select fit_number from {{ ref('session_model') }}
),

{% for kind in kinds %}
{{ kind }}_rows as (
    {{ clientele.fit_part(ref('session_fit_fields'), kind, {
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
    inner join champion on together.fit_number = champion.fit_number
)

select * from final
