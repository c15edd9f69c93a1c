"""Splits whose parts add up to the whole: by weights, evenly, and step by step."""

from collections.abc import Sequence

from yuefu.money.amounts import Money
from yuefu.money.rates import Rounding, divide


def split(total: Money, weights: Sequence[int]) -> list[Money]:
    """Split `total` in proportion to `weights` by largest remainder; a tie goes to the earlier part.

    The parts add up to `total`; each is within one minor unit of its exact share; a part of weight 0 gets nothing; a negative
    total gives the mirror image of the positive one. Raises ValueError for no weights, a negative weight or a zero sum.
    """
    whole = sum(weights)
    if not weights or min(weights) < 0 or whole == 0:
        raise ValueError("A split needs weights of zero or more, at least one of them positive.")
    floors, rests = zip(*(divmod(abs(total.minor) * weight, whole) for weight in weights), strict=True)
    left_over = abs(total.minor) - sum(floors)
    winners = set(sorted(range(len(weights)), key=lambda i: (-rests[i], i))[:left_over])
    sign = -1 if total.minor < 0 else 1
    return [Money(sign * (floor + (i in winners)), total.currency) for i, floor in enumerate(floors)]


def split_evenly(total: Money, n: int) -> list[Money]:
    """Split `total` into `n` parts that differ by at most one minor unit, the larger ones first. Raises ValueError for n < 1."""
    return split(total, [1] * n)


def pro_rata_step(whole: Money, *, done_before: int, done_after: int, of: int, rounding: Rounding) -> Money:
    """What the step from `done_before` to `done_after` (out of `of`) takes of `whole`: the difference of the two rounded sums.

    Steps that lead from 0 to `of` add up to `whole`, however many they are; a step back takes back exactly what it gave.
    Raises ValueError unless both lie in 0..of and `of` is positive.
    """
    if not (of > 0 and 0 <= done_before <= of and 0 <= done_after <= of):
        raise ValueError(f"A step needs 0 <= done <= of, not {done_before} to {done_after} of {of}.")
    before = divide(whole.minor * done_before, of, rounding)
    after = divide(whole.minor * done_after, of, rounding)
    return Money(after - before, whole.currency)
