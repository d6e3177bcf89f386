{#- Grain: one persona of the champion, with its name: the one that the fit gave, or a person's (segment_name_overrides;
    a row for this very model goes before one for all models). -#}

with

{{ clientele.persona_label_ctes('is_champion') }}

select * from persona_labels
