{#- Grain: one persona of the champion and rule of the surrogate tree: the persona in plain words, and how far the rule
    may be believed. Written at the fit; nothing is fitted here. -#}

with

{{ clientele.persona_rule_ctes('is_champion') }}

select * from persona_rules
