{#- Digits and signs of other scripts and widths, for ours. -#}

{% macro digits_of_other_scripts() %}
    {#- From 0 to 9: full width, Arabic, Persian, Devanagari, Bengali, Thai. -#}
    {{ return("０１２３４５６７８９٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹०१२३४५६७८९০১২৩৪৫৬৭৮৯๐๑๒๓๔๕๖๗๘๙") }}
{% endmacro %}


{% macro signs_of_other_scripts() %}
    {#- Digits, and the signs of addresses and numbers. -#}
    {{ return(clientele.digits_of_other_scripts() ~ "。．｡＠﹫％＆；＃＋﹢［］") }}
{% endmacro %}


{% macro signs_of_ours() %}
    {#- One for each of those. -#}
    {{ return("0123456789" * (clientele.digits_of_other_scripts() | length // 10) ~ "...@@%&;#++[]") }}
{% endmacro %}
