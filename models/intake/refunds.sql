{#- Grain: one refund: lines that agree in everything count once, as they do for events. Late data and replaced files:
    a view, so it says what core.refund_lines holds. -#}
{{ config(materialized='view') }}

select distinct
    {{ clientele.event_columns() | join(',\n    ') }}
from {{ ref('refund_lines') }}
