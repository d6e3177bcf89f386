{#- BG/NBD in plain SQL: Fader, Hardie and Lee (2005) and (2008). The constants visit_r, visit_alpha, visit_a and visit_b
    are columns of core.value_fits; frequency (visits after the first), recency and age in days are doubles. -#}

{% macro value_horizons() %}
    {#- The days ahead for which core.customer_values says what to expect; as HORIZONS in clientele.value.model. -#}
    {{ return([30, 90]) }}
{% endmacro %}


{% macro probability_alive(frequency, recency_days, age_days) -%}
    {#- Closed form. The exponent ends where the probability is 0 to every digit that anybody reads, and where an engine
        would call it an overflow. -#}
    case
        when {{ frequency }} > 0
            then 1 / (
                1 + visit_a / (visit_b + greatest({{ frequency }}, 1) - 1)
                * exp(least(
                    (visit_r + {{ frequency }}) * (ln(visit_alpha + {{ age_days }}) - ln(visit_alpha + {{ recency_days }})),
                    300e0
                ))
            )
        else 1e0
    end
{%- endmacro %}


{% macro visits_if_alive(frequency, age_days, horizon) -%}
    {#- Expected visits within the horizon of a customer who is alive: equation 10 of the paper without its denominator,
        after Euler's transformation, and taken apart so that nothing is divided by a - 1. -#}
    {%- set above = '(visit_a + visit_b - 1 - visit_r)' -%}
    {%- set below = '(visit_a + visit_b + ' ~ frequency ~ ' - 1)' -%}
    {%- set z = '(' ~ horizon ~ ' / (visit_alpha + ' ~ age_days ~ ' + ' ~ horizon ~ '))' -%}
    {{ z }} * (
        {{ below }} * {{ clientele.hypergeometric('(2 - visit_a)', '1e0', '2e0', z) }}
        - power((visit_alpha + {{ age_days }}) / (visit_alpha + {{ age_days }} + {{ horizon }}), visit_a - 1)
        * {{ above }} * {{ clientele.hypergeometric(above, '(visit_a - 1)', below, z, first=1) }}
    )
{%- endmacro %}
