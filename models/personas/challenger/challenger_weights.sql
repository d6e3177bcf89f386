{#- Grain: one persona and feature of the challenger, for scoring in shadow; empty without one. -#}

with

{{ clientele.weights_of('is_challenger') }}

select * from weights_of_model
