"""Ctrl-C and termination signals: the first one stops cleanly, a second one at once."""

import signal
from types import FrameType

from image2model.cli.terminal.errors import INTERRUPTED, TERMINATED

_CODES = {signal.SIGINT: INTERRUPTED, signal.SIGTERM: TERMINATED}


class Interrupted(KeyboardInterrupt):
    """
    Somebody wants this process to end.

    Attributes:
        exit_code: What to end with.
    """

    def __init__(self, exit_code: int) -> None:
        super().__init__()
        self.exit_code = exit_code


def raise_on_signals() -> None:
    """Have SIGINT and SIGTERM raise `Interrupted` from now on, once; ignored ones stay so."""
    for number in _CODES:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _raise)


def _raise(number: int, _frame: FrameType | None) -> None:
    for each in _CODES:
        if signal.getsignal(each) is _raise:
            signal.signal(each, signal.SIG_DFL)
    raise Interrupted(_CODES[signal.Signals(number)])
