{#- Grain: one criterion of one head of one fit; the criterion `verdict` says what scores, and why. A head that is
    refused has the verdict alone. -#}

{{ clientele.head_criteria(ref('prediction_fit_fields')) }}
