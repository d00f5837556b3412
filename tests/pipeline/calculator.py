"""What a pocket calculator makes of a printed formula."""
import re
from fractions import Fraction


def value_of(formula):
    """What a pocket calculator says: figures, and × ÷ − from left to right."""
    first = re.match(r"\((.*?)\)", formula)
    if first:
        formula = f"{value_of(first[1])}{formula[first.end():]}".replace("/", " ÷ ")
    tokens = re.findall(r"[0-9.]+|[×÷−+]", formula.split(" = ")[0])
    value = Fraction(tokens[0])
    for operator, figure in zip(tokens[1::2], tokens[2::2]):
        figure = Fraction(figure)
        value = {"×": value * figure, "÷": value / figure if figure else None, "−": value - figure, "+": value + figure}[operator]
    return value
