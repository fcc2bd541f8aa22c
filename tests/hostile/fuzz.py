"""
Spoil files and have them read, for as long as you like: `make fuzz FUZZ="--minutes 10 glb ply"`.

Each parser runs in a process of its own with little memory; what takes too long, raises what is no
error of the product, or ends the process is written down as a file, with the way to try it again.
"""

import argparse
import faulthandler
import logging
import multiprocessing
import os
import random
import resource
import signal
import sys
import time
import traceback
import warnings
from multiprocessing.connection import Connection
from pathlib import Path

from tests.hostile.targets import TARGETS, refused

MEMORY_BYTES = 2_500_000_000
TOO_LONG_S = 10.0
"""Of the processor's time: a busy machine makes nothing too long."""

_DEAD_S = 300.0


class TooLongError(BaseException):
    """A file took too long."""


def main() -> None:
    """Fuzz the targets that are named, or all; exit with 1 where something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--minutes", type=float, default=10.0, help="for each target")
    parser.add_argument("--seed", type=int, default=None, help="of the dice; else by the clock")
    parser.add_argument("--found", type=Path, default=Path(".fuzz"), help="where finds are written")
    given = parser.parse_args()
    unknown = set(given.targets) - set(TARGETS)
    if unknown:
        parser.error(f"no target {', '.join(sorted(unknown))}")
    given.found.mkdir(parents=True, exist_ok=True)
    finds = sum(
        fuzz(name, given.minutes * 60, given.seed, given.found) for name in given.targets or TARGETS
    )
    sys.exit(1 if finds else 0)


def fuzz(name: str, for_s: float, seed: int | None, folder: Path) -> int:
    """Fuzz one target; returns how many kinds of trouble were found."""
    began_s = time.monotonic()
    seed = time.time_ns() if seed is None else seed
    known: set[str] = set()
    tried = 0
    current = folder / f"{name}.current"
    while (left_s := began_s + for_s - time.monotonic()) > 0:
        here, there = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.Process(
            target=_run,
            args=(name,),
            kwargs={
                "seed": seed + tried,
                "for_s": left_s,
                "current": current,
                "known": known,
                "parent": there,
            },
        )
        process.start()
        there.close()
        try:
            # A file is reported before and after; silence means that it will not end by itself.
            while here.poll(_DEAD_S):
                kind, data, told = here.recv()
                if kind == "tried":
                    tried += data
                elif kind not in known:
                    known.add(kind)
                    _keep(folder, name, kind, data, told)
            process.kill()
            kind = "it hangs"
        except EOFError:
            process.join()
            kind = f"its process ended with {process.exitcode}"
        process.join()
        if process.exitcode != 0 and kind not in known:
            known.add(kind)
            _keep(folder, name, kind, current.read_bytes(), "")
        tried += 1
    current.unlink(missing_ok=True)
    sys.stdout.write(f"{name}: {tried:,} files in {for_s:.0f} s, {len(known)} kinds of trouble\n")
    sys.stdout.flush()
    return len(known)


def _keep(folder: Path, name: str, kind: str, data: bytes, told: str) -> None:
    path = folder / f"{name}-{abs(hash(kind)) % 10**8}"
    path.write_bytes(data)
    path.with_suffix(".txt").write_text(f"{kind}\n{told}", encoding="utf-8")
    sys.stdout.write(f"{name}: {kind}: {path}\n")


def _run(
    name: str, *, seed: int, for_s: float, current: Path, known: set[str], parent: Connection
) -> None:
    faulthandler.enable()
    logging.disable()
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGPROF, _too_long)
    target = TARGETS[name]
    whole = target.seeds()
    dice = random.Random(seed)
    ends_s = time.monotonic() + for_s
    handle = os.open(current, os.O_CREAT | os.O_RDWR)
    tried, told_s = 0, time.monotonic()
    while time.monotonic() < ends_s:
        data = target.spoil(dice, whole)
        os.ftruncate(handle, 0)
        os.pwrite(handle, data, 0)
        signal.setitimer(signal.ITIMER_PROF, TOO_LONG_S)
        try:
            refused(target, data)
        except TooLongError as error:
            kind, text = _told(error, own=True)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - that is what is looked for
            kind, text = _told(error, own=False)
        else:
            kind = text = ""
        signal.setitimer(signal.ITIMER_PROF, 0)
        tried += 1
        if kind and kind not in known:
            known.add(kind)
            parent.send((kind, data, text))
        if time.monotonic() - told_s > 1.0:
            parent.send(("tried", tried, ""))
            tried, told_s = 0, time.monotonic()
    parent.send(("tried", tried, ""))
    os._exit(0)


def _too_long(*_: object) -> None:
    raise TooLongError


def _told(error: BaseException, *, own: bool) -> tuple[str, str]:
    """Name a kind of trouble by its error and where in our code it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "image2model" in frame.filename] or frames
    place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}"
    what = "too long" if own else type(error).__name__
    return f"{what} at {place}", "".join(traceback.format_exception(error))


if __name__ == "__main__":
    main()
