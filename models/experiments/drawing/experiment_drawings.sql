{#- Grain: one experiment whose arms are drawn: what its file said then of all that may not change (macros/experiments,
    design_hash). Written once, in the run that draws, and kept through full refreshes as the arms are. -#}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    full_refresh=false,
    on_schema_change='append_new_columns'
) }}

with

drawn as (
    select distinct experiment from {{ ref('experiment_assignments') }}
),

final as (
    select
        designs.experiment,
        designs.design_hash,
        designs.as_of_date as noted_date,
        designs.audience
    from {{ ref('experiment_designs') }} as designs
    inner join drawn on designs.experiment = drawn.experiment
    {% if is_incremental() -%}
    where designs.experiment not in (select noted.experiment from {{ this }} as noted)
    {%- endif %}
)

select * from final
