"""Port: have somebody else say who a person is."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInAttempt:
    """
    A sign-in under way, as the browser that began it remembers it.

    Attributes:
        state: Comes back with the person; who does not know it did not begin this attempt.
        nonce: Comes back inside of what is signed, so that nothing from before is accepted.
        verifier: Proves that whoever began the attempt also ends it.
    """

    state: str
    nonce: str
    verifier: str


class SignIn(Protocol):
    """Signs people in through an organisation's own service."""

    async def begin(self, attempt: SignInAttempt, *, return_to: str) -> str:
        """
        Tell where to send the browser.

        Args:
            attempt: Made for this sign-in alone.
            return_to: Where the service sends the browser afterwards.

        Raises:
            SignInUnavailable: The service does not answer.
        """
        ...

    async def finish(self, attempt: SignInAttempt, *, code: str, return_to: str) -> str:
        """
        Find out who came back with *code*.

        Returns:
            The person's name: unique at the service, such as an e-mail address.

        Raises:
            SignInRefused: The code or what it stands for is not valid, or names nobody.
            SignInUnavailable: The service does not answer.
        """
        ...

    async def aclose(self) -> None:
        """Close connections."""
        ...
