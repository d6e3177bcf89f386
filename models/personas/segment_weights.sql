{#- Grain: one persona and feature of the champion: the whole model. Position 0 is the intercept. -#}

with

{{ clientele.weights_of('is_champion') }}

select * from weights_of_model
