{#- Grain: one figure of one head and model of one fit, at one tested origin or over all: how good predictions were,
    out of time and for other customers than those learnt from. -#}

{{ clientele.head_figures(ref('prediction_fit_fields')) }}
