"""The ASGI application: find the route, apply the fault, or answer honestly."""

from collections.abc import Callable, Mapping

from starlette.types import Receive, Scope, Send

from image2model.testing.fal_simulator.apis.cdn import CdnApi
from image2model.testing.fal_simulator.apis.control import ControlApi
from image2model.testing.fal_simulator.apis.platform import PlatformApi
from image2model.testing.fal_simulator.apis.queue import QueueApi
from image2model.testing.fal_simulator.apis.rest import RestApi
from image2model.testing.fal_simulator.apis.routes import Api, Route
from image2model.testing.fal_simulator.exchange import Call, Refusal, Reply, json_reply
from image2model.testing.fal_simulator.faults.rules import FaultRule
from image2model.testing.fal_simulator.faults.wire_faults import WIRE_ACTIONS, Hit
from image2model.testing.fal_simulator.world import World


class Application:
    """Serves every simulated host under a path prefix of its own."""

    def __init__(
        self,
        world: World,
        *,
        refuse_connections: Callable[[float], None],
        drop_connections: Callable[[], None],
    ) -> None:
        self._world = world
        self._refuse_connections = refuse_connections
        self._queue = QueueApi(world)
        self._apis: Mapping[str, Api] = {
            "queue": self._queue,
            "rest": RestApi(world),
            "cdn": CdnApi(world),
            "api": PlatformApi(world),
            "_control": ControlApi(
                world, refuse_connections=refuse_connections, drop_connections=drop_connections
            ),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        call = Call(scope, receive, send)
        route = self._find(call)
        if route is None:
            await call.send(json_reply({"detail": "Not Found"}, status=404))
            return
        if not route.operation:
            await call.send(await _honest(route, call))
            return
        self._world.ledger.count(route.operation)
        rule = self._world.faults.take(
            route.operation, endpoint=route.endpoint, request_id=route.request_id
        )
        if rule is None:
            await call.send(await _honest(route, call))
        else:
            await self._spoil(rule, route, call)

    def _find(self, call: Call) -> Route | None:
        prefix, *segments = call.path.strip("/").split("/")
        api = self._apis.get(prefix)
        return api.find(call.method, segments) if api is not None else None

    async def _spoil(self, rule: FaultRule, route: Route, call: Call) -> None:
        processed = False

        async def proceed() -> Reply:
            nonlocal processed
            processed = True
            return await _honest(route, call)

        hit = Hit(
            call=call,
            proceed=proceed,
            refuse_connections=self._refuse_connections,
        )
        try:
            await WIRE_ACTIONS[rule.action](hit, **rule.options)
        finally:
            if route.operation == "submit" and not processed:
                self._queue.note(call, route.endpoint, outcome="not processed")


async def _honest(route: Route, call: Call) -> Reply:
    try:
        return await route.handle(call)
    except Refusal as refusal:
        return refusal.reply
