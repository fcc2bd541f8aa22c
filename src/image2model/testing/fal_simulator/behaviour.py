"""How the simulated service behaves as long as no fault is ordered."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """
    How long generations wait and run.

    Attributes:
        median_s: Median run time, in seconds.
        sigma: Spread of the log-normal distribution of run times; 0.0: always the median.
        queue_s: Wait behind other customers before a slot of the account is asked for.
        others_ahead: Requests of other customers that are ahead at first; counts down in *queue_s*.
        held: Nothing starts by itself; the control API starts and finishes requests.
    """

    median_s: float = 1.0
    sigma: float = 0.0
    queue_s: float = 0.0
    others_ahead: int = 0
    held: bool = False

    def draw_run_s(self, chance: random.Random) -> float:
        """Draw a run time, in seconds."""
        return (
            self.median_s * math.exp(chance.gauss(0.0, self.sigma))
            if self.sigma
            else (self.median_s)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """
    Everything that can be set about the healthy service.

    Attributes:
        latency: Waiting and running, for endpoints without a latency of their own.
        concurrency: Requests of one account that run at once (new accounts: 2, at most 40).
        balance_usd: Credit of the account; None: without end.
        mesh_bytes: Size of each GLB.
        result_life_s: How long a result's JSON can be fetched after the end.
        large_result_life_s: The same for results of 10 kB and more.
        file_life_s: Life of result files whose submit does not say; None: without end.
        expired_file_status: How a download of a vanished file is answered, 404 or 410.
        cancelled_answer: What a status request says of a request cancelled in the queue.
        webhook_backoff_s: Waits before each further try of a webhook, in seconds.
        webhook_timeout_s: How long a webhook may take to be answered.
        log_lines: How many lines the moving window of the log holds.
        seed: Seed of everything that is drawn by chance.
    """

    latency: Latency = Latency()
    concurrency: int = 40
    balance_usd: float | None = None
    mesh_bytes: int = 100_000
    result_life_s: float = 3600.0
    large_result_life_s: float = 360.0
    file_life_s: float | None = None
    expired_file_status: Literal[404, 410] = 404
    cancelled_answer: Literal["completed", "not_found"] = "completed"
    webhook_backoff_s: Sequence[float] = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
    webhook_timeout_s: float = 15.0
    log_lines: int = 8
    seed: int = 0


@dataclass(slots=True, kw_only=True)
class Account:
    """
    Whoever a key belongs to.

    Attributes:
        key: The API key.
        concurrency: Requests that run at once.
        balance_usd: Credit left; None: without end.
        revoked: The key is answered 401.
        billed_usd: What was charged so far.
    """

    key: str
    concurrency: int
    balance_usd: float | None = None
    revoked: bool = False
    billed_usd: float = 0.0

    @property
    def exhausted(self) -> bool:
        """Whether there is no credit left."""
        return self.balance_usd is not None and self.balance_usd <= 0

    def charge(self, amount_usd: float) -> None:
        """Book *amount_usd*."""
        self.billed_usd = round(self.billed_usd + amount_usd, 6)
        if self.balance_usd is not None:
            self.balance_usd = round(self.balance_usd - amount_usd, 6)
