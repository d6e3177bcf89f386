{#- Grain: one persona, and 0 for customers without one: how many they are, and what they bought, of each customer no
    more than twenty-five usual orders: the greatest spender counts as any great one does. Customers who may not be
    profiled are counted in the row -1. Not published: segment_summary rounds it. Late data: built whole in each run.
    -#}

with

{{ clientele.persona_size_ctes('persona_scores') }}

select * from persona_sizes
