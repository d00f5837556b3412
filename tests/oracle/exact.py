"""Exact fractions for the oracles: rounding, printing, YAML and JSON whose numbers stay text."""
import json
from fractions import Fraction

import yaml

F = Fraction
MINOR_UNIT = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
    **dict.fromkeys("CLF UYW".split(), 4),
}


def minor_digits(currency):
    return MINOR_UNIT.get(currency, 2)


def read_yaml(text):
    """A file's mapping with every scalar as the text that stands there."""
    return yaml.load(text, Loader=yaml.BaseLoader)


def read_json(text):
    """JSON whose numbers stay text: 469.4 never is a float."""
    return json.loads(text, parse_float=str, parse_int=str)


def whole(value):
    """A number that must be whole, from its text."""
    number = F(str(value))
    assert number.denominator == 1, value
    return int(number)


def ceiling(value):
    return -((-value.numerator) // value.denominator)


def floor(value):
    return value.numerator // value.denominator


def round_to(value, mode, digits):
    """half_up: half away from zero; half_even; up: away from zero; down: toward zero."""
    scaled = abs(value) * 10**digits
    units, rest = floor(scaled), scaled - floor(scaled)
    half = F(1, 2)
    if mode == "up":
        units += rest > 0
    elif mode == "half_up":
        units += rest >= half
    elif mode == "half_even":
        units += rest > half or (rest == half and units % 2 == 1)
    else:
        assert mode == "down", mode
    return F(-units if value < 0 else units, 10**digits)


def printed(value):
    """As documents print an exact number: all digits, or 20 decimals half up where the fraction does not end."""
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return value if rest == 1 else round_to(value, "half_up", 20)


def text_of(value):
    """A fraction that ends, as a decimal."""
    value = printed(F(value))
    digits = 0
    while (value * 10**digits).denominator != 1:
        digits += 1
    units = abs(int(value * 10**digits))
    whole_part, rest = divmod(units, 10**digits)
    return ("-" if value < 0 else "") + str(whole_part) + ("." + str(rest).rjust(digits, "0") if digits else "")
