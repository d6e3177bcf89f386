{#- Breaks when a small macro gives another answer than the one written here, on this engine: then every feature and
    every reason against a line is in doubt. Not a test of any data. Larger macros have unit tests of their models. -#}
{% set minute = clientele.seconds_between(
    "cast('2019-10-01 23:59:30' as timestamp)", "cast('2019-10-02 00:00:30' as timestamp)"
) %}
{% set answers = [
    ('share_logit', clientele.share_logit('3', '10', 1, 2), 'ln(4 / 9e0)'),
    ('share_logit of nothing', clientele.share_logit('0', '0', 1, 20), 'ln(1 / 20e0)'),
    ('double', clientele.double('3') ~ ' / 2', '1.5'),
    ('exact', clientele.exact('3 / 7e0'), '0.428571429'),
    ('seconds_between', minute, '60'),
    ('natural of a logit', clientele.natural('ln(3e0)', "'logit'"), '0.75'),
    ('natural of ln1p', clientele.natural('ln(3e0)', "'ln1p'"), '2'),
    ('natural of odds', clientele.natural('ln(3e0)', "'odds'"), '3'),
    ('natural of what is', clientele.natural('-3e0', "'plain'"), '-3'),
    ('hex_to_integer', clientele.hex_to_integer("'0000000000000ffabc'"), '255'),
    ('hex_to_integer of 60 bits', clientele.hex_to_integer("'ffffffffffffffff'"), '1152921504606846975'),
] %}
{% for text, number in [
    ('0', 0), ('-7', -7), ('9223372036854775807', 9223372036854775807),
    ('9223372036854775808', none), ('1.5', none), ('1e3', none), ('x', none), ('', none), ('0x1F', none), ('5_0', none),
    ('1.0', 1), ('700000007.000', 700000007), ('+7', 7), ('-07', -7), ('0000000000000000000000000000007', 7),
    (' 7 ', 7),
    ('\u2003７.０\ufeff', 7), ('−1', -1), ('1.', none), ('1 000', none), ('٧', none)
] %}
{% do answers.append(('whole_number of ' ~ text, clientele.whole_number("'" ~ text ~ "'"), number)) %}
{% endfor %}
{#- with a comma for the decimal mark comma and point change places -#}
{% set marks = ('.', ',') if clientele.setting('decimal') == 'point' else (',', '.') %}
{% for text, number in [
    ('0', 0), ('1.50', 1.5), ('-0.01', -0.01), ('1e3', 1000), ('1.23e+01', 12.3), ('1,50', none), ('1_0', none),
    ('1230000000000.1234', 1230000000000.1234), ('1e15', none), ('999999999999999', none), ('9e9', 9000000000)
] %}
{% set text = text | replace('.', '|') | replace(',', marks[1]) | replace('|', marks[0]) %}
{% do answers.append(('decimal_number of ' ~ text, clientele.decimal_number("'" ~ text ~ "'"), number)) %}
{% endfor %}
{% for text, second in [
    ('2019-10-01 00:00:01 UTC', 1), ('2019-10-01T00:00:02Z', 2),
    ('2019-10-01 00:00:04+00:00', 4), ('2019-10-01 02:00:05+02:00', 5),
    ('2019-09-30 22:30:06 -0130', 6), ('2019-10-01T00:00:07.123456789Z', 7),
    ('1569888008', 8), ('1569888009123', 9), ('1569888010123456', 10),
    ('1569888011123456789', 11), ('1569888012.5', 12), ('2019-02-30 00:00:00 UTC', none), ('2019-10-01', none),
    ('01/10/2019 00:00:00', none), ('2019-10-01 00:00:00 CET', none), ('2019-10-01 00:00:00+05:75', none),
    ('2019-10-01 00:00:00-18:30', none),
    ('2019-09-30 06:00:13-18:00', 13), ('2019-10-01 25:00:00', none)
] + (
    [('2019-10-01 00:00:03.999', 3), ('2019-10-01 00:01', 60)] if clientele.setting('input_time_zone') == 'UTC' else []
) %}
{% set found = clientele.utc_timestamp("'" ~ text ~ "'") %}
{% set seconds = clientele.seconds_between("cast('2019-10-01 00:00:00' as timestamp)", found) %}
{% do answers.append(('utc_timestamp of ' ~ text, seconds, second)) %}
{% endfor %}
{% for text, fraction in [
    ('2019-10-01 00:00:01 UTC', none), ('2019-10-01 00:00:01.5', 500000000),
    ('2019-10-01T00:00:01,123456789Z', 123456789),
    ('1569888009123', 123000000), ('1569888011123456789', 123456789),
    ('1569888012.25', 250000000), ('1569888012', none),
    ('2019-10-01 00:00:01.000 UTC', none)
] %}
{% do answers.append(('fraction_of_second of ' ~ text, clientele.fraction_of_second("'" ~ text ~ "'"), fraction)) %}
{% endfor %}

{% for text, minutes in [
    ('2019-10-01 00:00:00', 0), ('2019-10-01 00:04:59.999', 0), ('2019-10-01 00:05:00', 5),
    ('2019-10-01 23:59:59', 1435)
] %}
{% set found = clientele.moment_told("cast('" ~ text ~ "' as timestamp)") %}
{% set seconds = clientele.seconds_between("cast('2019-10-01 00:00:00' as timestamp)", found) %}
{% do answers.append(('moment_told of ' ~ text, seconds, minutes * 60)) %}
{% endfor %}

with

answers as (
    {% for macro, answer, known in answers %}
    select
        '{{ macro }}' as asked,
        {{ clientele.double(answer) }} as answer,
        {{ clientele.double('null' if known is none else known) }} as known
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select * from answers
where (answer is null) != (known is null) or abs(answer - known) > 0.0000000001
