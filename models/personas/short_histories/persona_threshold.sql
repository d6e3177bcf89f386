{#- Grain: the build, one row: from how many events on a customer is given a persona, and by which rule. As measured
    with the champion; 20 while nothing has been measured; or as the var min_events says. -#}

with

{{ clientele.persona_threshold_ctes('is_champion') }}

select * from threshold
