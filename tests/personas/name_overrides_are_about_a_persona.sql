{#- If this warns, somebody has named a persona that no fit has ever had: a mistyped id or model version, and the name
    is shown nowhere. It is not about the name itself; the tests of the seed are. A warning, because a warehouse that is
    built anew may not have the model yet. -#}
{{ config(severity='warn') }}

with

named as (
    {{ clientele.fit_part(ref('persona_fit_fields'), 'name', {'segment_id': 'integer'}) }}
)

select overrides.model_version, overrides.segment_id, overrides.name_en
from {{ ref('segment_name_overrides') }} as overrides
left join named
    on
        overrides.segment_id = named.segment_id
        and (overrides.model_version = named.model_version or overrides.model_version = '*')
where named.segment_id is null
