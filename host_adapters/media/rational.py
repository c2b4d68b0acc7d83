"""libav's rational numbers as Python's."""

from __future__ import annotations

from fractions import Fraction

from av.rational import AVRational


def fraction(number: AVRational | int | None) -> Fraction:
    """The same number; 0 for what libav calls unknown (None or 0/0)."""
    if isinstance(number, AVRational):
        return Fraction(number.num, number.den) if number.den else Fraction(0)
    return Fraction(number or 0)
