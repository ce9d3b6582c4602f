"""The contract's section 6 on totals, written a second time: slowly, in fractions, word by word.

It shares no code with `protocol.totals`, so that the two are compared.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import floor

from protocol.totals import TaxedLine


def half_up(value: Fraction) -> int:
    return floor(value + Fraction(1, 2)) if value >= 0 else -floor(-value + Fraction(1, 2))


def factors(mode: str, taxes: Sequence[tuple[str, int, bool]]) -> list[Fraction]:
    found: list[Fraction] = []
    for _, rate_ppm, compound in taxes:
        rate = Fraction(rate_ppm, 1_000_000)
        found.append(rate * (1 + sum(found)) if compound else rate)
    return [f / (1 + sum(found)) for f in found] if mode == "tax_inclusive" else found


def shared(amount: int, weighed: list[Fraction]) -> list[int]:
    whole = sum(weighed)
    if whole == 0:
        return [0] * len(weighed)
    quotas = [amount * weight / whole for weight in weighed]
    floors = [floor(quota) for quota in quotas]
    by_fraction = sorted(range(len(quotas)), key=lambda i: (floors[i] - quotas[i], i))
    for index in by_fraction[: amount - sum(floors)]:
        floors[index] += 1
    return floors


def tax_amounts(lines: list[TaxedLine], mode: str, rounding: str) -> dict[int, list[int]]:
    exact = {line.line: [line.amount_minor * f for f in factors(mode, line.taxes)] for line in lines}
    if rounding == "line":
        return {number: [half_up(tax) for tax in taxes] for number, taxes in exact.items()}
    amounts = {line.line: [0] * len(line.taxes) for line in lines}
    for row in {(tax.code, tax.rate_ppm) for line in lines for tax in line.taxes}:
        places = [
            (line.line, position)
            for line in sorted(lines)
            for position, tax in enumerate(line.taxes)
            if (tax.code, tax.rate_ppm) == row
        ]
        weighed = [exact[number][position] for number, position in places]
        total = half_up(sum(weighed, Fraction(0)))
        for (number, position), share in zip(places, shared(total, weighed), strict=True):
            amounts[number][position] = share
    return amounts


def rows(lines: list[TaxedLine], mode: str, rounding: str) -> dict[tuple[str, int], tuple[int, int]]:
    """(code, rate) → (base, amount)."""
    amounts = tax_amounts(lines, mode, rounding)
    found: dict[tuple[str, int], tuple[int, int]] = {}
    for key in {(tax.code, tax.rate_ppm) for line in lines for tax in line.taxes}:
        base = amount = 0
        for line in lines:
            if key not in [(tax.code, tax.rate_ppm) for tax in line.taxes]:
                continue
            of_line = amounts[line.line]
            base += line.amount_minor - (sum(of_line) if mode == "tax_inclusive" else 0)
            for position, tax in enumerate(line.taxes):
                if (tax.code, tax.rate_ppm) == key:
                    amount += of_line[position]
                    base += sum(of_line[:position]) if tax.compound else 0
        found[key] = (base, amount)
    return found
