"""The simulator as an object: start it, order faults, look at what arrived."""

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self

from image2model.testing.fal_simulator.app import Application
from image2model.testing.fal_simulator.behaviour import Account, Behaviour, Latency
from image2model.testing.fal_simulator.faults.rules import FaultRule
from image2model.testing.fal_simulator.generation import Generation
from image2model.testing.fal_simulator.ledger import Ledger
from image2model.testing.fal_simulator.listener import Listener
from image2model.testing.fal_simulator.world import World

DEFAULT_KEY = "simulated-key-id:simulated-key-secret"


class FalSimulator:
    """
    fal.ai's HTTP interfaces on a loopback port, over real TCP.

    Use it as an async context manager; it runs on the loop it was entered on::

        async with FalSimulator() as fal:
            fal.add_fault("submit", "reset_after", times=1)
            ...  # point a client at fal.queue_url with fal.key
            assert fal.ledger.accepted_per_picture()[url] == 1

    Attributes:
        key: The API key that is accepted.
        ledger: Everything that was received.
    """

    def __init__(
        self,
        behaviour: Behaviour | None = None,
        *,
        faults: Iterable[FaultRule] = (),
        key: str = DEFAULT_KEY,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        """
        Prepare a simulator.

        Args:
            behaviour: How the healthy service behaves; None: the defaults.
            faults: What goes wrong from the start.
            key: The API key to accept.
            host: Address to bind; there is no protection, so keep it on loopback.
            port: Port to bind; 0: any free one.

        Raises:
            InvalidRequest: A fault rule does not fit.
        """
        self.key = key
        self._host = host
        self._world = World(behaviour or Behaviour(), key=key)
        for rule in faults:
            self._world.faults.add(rule)
        app = Application(
            self._world,
            refuse_connections=lambda for_s: self.refuse_connections(for_s=for_s),
            drop_connections=self.drop_connections,
        )
        self._listener = Listener(app, host=host, port=port, admits=self._admits)

    async def __aenter__(self) -> Self:
        await self._listener.open()
        self._world.move_to(f"http://{self._host}:{self._listener.port}")
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._world.close()
        await self._listener.close()

    @property
    def port(self) -> int:
        """The port that is bound."""
        return self._listener.port

    @property
    def queue_url(self) -> str:
        """Base URL of the queue, such as http://127.0.0.1:4711/queue."""
        return self._world.queue_url

    @property
    def rest_url(self) -> str:
        """Base URL of upload tokens and webhook keys."""
        return f"{self._world.base_url}/rest"

    @property
    def cdn_url(self) -> str:
        """Base URL of files."""
        return self._world.cdn_url

    @property
    def api_url(self) -> str:
        """Base URL of the platform API."""
        return f"{self._world.base_url}/api"

    @property
    def control_url(self) -> str:
        """Base URL of the control API."""
        return f"{self._world.base_url}/_control"

    @property
    def ledger(self) -> Ledger:
        """What was received so far."""
        return self._world.ledger

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment variables that point image2model at this simulator."""
        return {
            "IMAGE2MODEL_FAL__QUEUE_URL": self.queue_url,
            "IMAGE2MODEL_FAL__REST_URL": self.rest_url,
            "IMAGE2MODEL_FAL__CDN_URL": self.cdn_url,
            "IMAGE2MODEL_FAL__API_URL": self.api_url,
            "IMAGE2MODEL_FETCH__ALLOWED_PRIVATE_HOSTS": f"{self._host}:{self.port}",
            "FAL_KEY": self.key,
        }

    def add_fault(self, on: str, action: str, **more: Any) -> int:
        """
        Order a fault.

        Args:
            on: The operation to hit.
            action: What happens to it.
            more: The other fields of `FaultRule`.

        Returns:
            The id for `remove_fault`.

        Raises:
            InvalidRequest: The rule does not fit.
        """
        return self._world.faults.add(FaultRule(on=on, action=action, **more))

    def remove_fault(self, rule_id: int | None = None) -> None:
        """Call off one fault; None: all of them."""
        self._world.faults.remove(rule_id)

    def set_latency(self, latency: Latency, *, endpoint: str = "*") -> None:
        """Use *latency* for submits to come, on endpoints that match the glob."""
        self._world.set_latency(latency, endpoint=endpoint)

    def account(self, key: str | None = None) -> Account:
        """Return the account of *key* (None: the simulator's own), to read or to change."""
        return self._world.account(key or self.key)

    @property
    def requests(self) -> Mapping[str, Generation]:
        """Every accepted request by its id, oldest first."""
        return self._world.generations

    def start(self, request_id: str) -> None:
        """Start a waiting request now."""
        self._world.engine.start(self._world.generations[request_id])

    def finish(self, request_id: str) -> None:
        """End a request now, as its input and its faults say."""
        self._world.engine.finish(self._world.generations[request_id])

    def requeue(self, request_id: str) -> None:
        """Let the runner of a running request die."""
        self._world.engine.requeue(self._world.generations[request_id])

    def expire_result(self, request_id: str) -> None:
        """Let the stored result of a request be gone."""
        self._world.generations[request_id].script.result_gone = True

    def expire_file(self, url: str) -> bool:
        """Let a file vanish; False: there is none at *url*."""
        return self._world.files.expire(url)

    def rotate_webhook_key(self) -> None:
        """Sign webhooks with a new key and publish only that one."""
        self._world.signer.rotate()

    def refuse_connections(self, *, for_s: float) -> None:
        """Reset every connection and refuse new ones for *for_s* seconds."""
        self._listener.refuse_connections(for_s=for_s)

    def drop_connections(self) -> None:
        """Reset every open connection; new ones are accepted."""
        self._listener.drop_connections()

    def _admits(self) -> bool:
        self._world.ledger.count("connect")
        return self._world.faults.take("connect") is None
