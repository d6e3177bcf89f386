{#- If this warns, somebody has named a persona that no fit has ever had: a mistyped id or model version, and the name
    is shown nowhere. It is not about the name itself; the tests of the seed are. A warning, because a warehouse that is
    built anew may not have the model yet. -#}
{{ config(severity='warn') }}

select overrides.model_version, overrides.segment_id, overrides.name_en
from {{ ref('segment_name_overrides') }} as overrides
left join {{ ref('segment_fits') }} as fits
    on
        overrides.segment_id = fits.segment_id
        and (overrides.model_version = fits.model_version or overrides.model_version = '*')
        and fits.row_kind = 'name'
where fits.segment_id is null
