"""How long to wait before something is done again."""

_MOST_DOUBLINGS = 32
"""More of them is more than a number can hold, and longer than anybody waits."""


def growing_s(times: int, *, first_s: float, longest_s: float) -> float:
    """
    Tell how long to wait, in seconds: twice as long each time.

    Args:
        times: How often it was waited before.
        first_s: The first wait.
        longest_s: No wait is longer.
    """
    return min(first_s * 2.0 ** min(times, _MOST_DOUBLINGS), longest_s)
