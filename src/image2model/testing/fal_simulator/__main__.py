"""Run the simulator as a process: `python -m image2model.testing.fal_simulator`."""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import anyio

from image2model.core.errors import InvalidRequest
from image2model.core.platform import has_uvloop
from image2model.testing.fal_simulator.behaviour import Behaviour, Latency
from image2model.testing.fal_simulator.faults.rules import FaultRule, parse_rules
from image2model.testing.fal_simulator.simulator import DEFAULT_KEY, FalSimulator


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    arguments = _parse_arguments()
    try:
        faults = _read_faults(arguments.faults)
        anyio.run(_serve, arguments, faults, backend_options={"use_uvloop": has_uvloop()})
    except (InvalidRequest, OSError, ValueError) as error:
        sys.exit(f"fal_simulator: {error}")


async def _serve(arguments: argparse.Namespace, faults: Sequence[FaultRule]) -> None:
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        # By Python's own means: no loop of Windows hears signals.
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(stopped.set))
    simulator = FalSimulator(
        _behaviour(arguments),
        faults=faults,
        key=arguments.key,
        host=arguments.host,
        port=arguments.port,
    )
    async with simulator as fal:
        _announce(fal, arguments.port_file)
        await stopped.wait()


def _announce(fal: FalSimulator, port_file: Path | None) -> None:
    names = ("queue_url", "rest_url", "cdn_url", "api_url", "control_url", "key", "port")
    lines = [json.dumps({name: getattr(fal, name) for name in names})]
    lines += [f"{name}={value}" for name, value in fal.environment.items()]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
    if port_file is not None:
        # Renamed into place: whoever waits for the file never reads half a number.
        part = port_file.with_name(f"{port_file.name}.part")
        part.write_text(str(fal.port))
        part.replace(port_file)


def _behaviour(arguments: argparse.Namespace) -> Behaviour:
    latency = Latency(
        median_s=arguments.median_s,
        sigma=arguments.sigma,
        queue_s=arguments.queue_s,
        others_ahead=arguments.others_ahead,
        held=arguments.held,
    )
    return Behaviour(
        latency=latency,
        concurrency=arguments.concurrency,
        balance_usd=arguments.balance_usd,
        mesh_bytes=arguments.mesh_bytes,
        result_life_s=arguments.result_life_s,
        large_result_life_s=min(arguments.result_life_s, Behaviour().large_result_life_s),
        file_life_s=arguments.file_life_s,
        seed=arguments.seed,
    )


def _read_faults(path: Path | None) -> Sequence[FaultRule]:
    return [] if path is None else parse_rules(json.loads(path.read_text()))


def _parse_arguments() -> argparse.Namespace:
    usual = Behaviour()
    parser = argparse.ArgumentParser(prog="fal_simulator", description=__doc__)
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to bind; keep it on loopback")
    add("--port", type=int, default=0, help="port to bind; 0: any free one")
    add("--port-file", type=Path, help="write the port here once it listens")
    add("--key", default=DEFAULT_KEY, help="the API key to accept")
    add("--faults", type=Path, help="JSON file with fault rules")
    add("--median-s", type=float, default=1.0, help="median run time")
    add("--sigma", type=float, default=0.0, help="spread of the run times (log-normal)")
    add("--queue-s", type=float, default=0.0, help="wait behind other customers")
    add("--others-ahead", type=int, default=0, help="requests of others ahead at first")
    add("--held", action="store_true", help="run nothing until the control API says so")
    add("--concurrency", type=int, default=usual.concurrency, help="running at once per account")
    add("--balance-usd", type=float, help="credit of the account; without end when left out")
    add("--mesh-bytes", type=int, default=usual.mesh_bytes, help="size of each GLB")
    add("--result-life-s", type=float, default=usual.result_life_s, help="life of a result's JSON")
    add("--file-life-s", type=float, help="life of result files; without end when left out")
    add("--seed", type=int, default=0, help="seed of everything drawn by chance")
    return parser.parse_args()


if __name__ == "__main__":
    main()
