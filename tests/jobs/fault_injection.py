"""Ports that fail at one call of all that are made to them."""

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from functools import wraps
from typing import Any, Literal, cast

from image2model.jobs.catalogue import Catalogue
from image2model.jobs.provider_links import Links
from tests.harness.rig import Rig

When = Literal["before", "after"]


class Injector:
    """
    Counts calls to ports while it is armed, and has one of them fail.

    Args:
        fail_at: Which call fails, from 1 on; 0: none.
        make: Makes the error.
        when: Whether the call fails before it did anything, or after all of it was done.
    """

    def __init__(self, fail_at: int, make: Callable[[], BaseException], when: When) -> None:
        self._fail_at = fail_at
        self._make = make
        self._when = when
        self.is_armed = False
        self.calls: list[str] = []
        self.has_failed = False

    def begin(self, name: str) -> None:
        """Count a call, and raise if it is to fail before."""
        if not self.is_armed:
            return
        self.calls.append(name)
        if len(self.calls) == self._fail_at and self._when == "before":
            self._fail()

    def end(self, call: int) -> None:
        """Raise if the call of that number is to fail after."""
        if self.is_armed and call == self._fail_at and self._when == "after":
            self._fail()

    def _fail(self) -> None:
        if not self.has_failed:
            self.has_failed = True
            raise self._make()


def faulty(target: Any, injector: Injector, name: str) -> Any:
    """Wrap *target* so that *injector* hears of each call; it stays what its protocols ask for."""
    methods = {
        attribute: _wrapped(target, attribute, injector, f"{name}.{attribute}")
        for attribute in dir(type(target))
        if not attribute.startswith("_") and callable(getattr(type(target), attribute))
    }
    proxy = type(f"Faulty{type(target).__name__}", (_Proxy,), methods)
    return proxy(target)


class _Proxy:
    def __init__(self, target: Any) -> None:
        self._target = target

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)


def _wrapped(target: Any, attribute: str, injector: Injector, name: str) -> Any:
    method = getattr(target, attribute)
    if inspect.isasyncgenfunction(method):

        @wraps(method)
        async def generate(_self: Any, *args: Any, **more: Any) -> AsyncIterator[Any]:
            injector.begin(name)
            call = len(injector.calls)
            async for one in method(*args, **more):
                yield one
            injector.end(call)

        return generate
    if inspect.iscoroutinefunction(method):

        @wraps(method)
        async def run(_self: Any, *args: Any, **more: Any) -> Any:
            injector.begin(name)
            call = len(injector.calls)
            answer = await method(*args, **more)
            injector.end(call)
            return answer

        return run

    @wraps(method)
    def call_it(_self: Any, *args: Any, **more: Any) -> Any:
        injector.begin(name)
        call = len(injector.calls)
        answer = method(*args, **more)
        if isinstance(answer, AbstractAsyncContextManager):
            return _entered(answer, injector, call)
        injector.end(call)
        return answer

    return call_it


@asynccontextmanager
async def _entered(
    opened: AbstractAsyncContextManager[Any], injector: Injector, call: int
) -> AsyncGenerator[Any, None]:
    async with opened as value:
        injector.end(call)
        yield value


def with_faults(rig: Rig, injector: Injector) -> None:
    """Have the worker of *rig* use ports of which one call fails; what is beside it does not."""
    rig.context = replace(
        rig.context,
        store=faulty(rig.store, injector, "store"),
        artifacts=faulty(rig.artifacts, injector, "artifacts"),
        feed=faulty(rig.context.feed, injector, "feed"),
        compute=faulty(rig.context.compute, injector, "compute"),
        clock=faulty(rig.clock, injector, "clock"),
        metrics=faulty(rig.context.metrics, injector, "metrics"),
        fetcher=(fetcher := faulty(rig.web, injector, "fetcher")),
        links=Links(fetcher, rig.clock, rig.context.metrics),
        catalogue=cast("Catalogue", FaultyCatalogue(rig, injector)),
    )
    rig.keeper, rig.runner = rig.worker("one")


class FaultyCatalogue:
    """The catalogue of *rig*, whose provider may fail."""

    def __init__(self, rig: Rig, injector: Injector) -> None:
        self._catalogue = rig.context.catalogue
        self._provider = faulty(rig.provider, injector, "provider")

    def provider(self, _generator: object) -> Any:
        """Return the one provider."""
        return self._provider

    def __getattr__(self, name: str) -> Any:
        return getattr(self._catalogue, name)
