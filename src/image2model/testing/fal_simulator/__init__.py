"""A simulator of fal.ai's HTTP API, for tests, benches and plug-in authors."""

from image2model.testing.fal_simulator.behaviour import Account, Behaviour, Latency
from image2model.testing.fal_simulator.faults.rules import FaultRule
from image2model.testing.fal_simulator.ledger import Delivery, Ledger, Submit, Violation
from image2model.testing.fal_simulator.simulator import DEFAULT_KEY, FalSimulator

__all__ = [
    "DEFAULT_KEY",
    "Account",
    "Behaviour",
    "Delivery",
    "FalSimulator",
    "FaultRule",
    "Latency",
    "Ledger",
    "Submit",
    "Violation",
]
