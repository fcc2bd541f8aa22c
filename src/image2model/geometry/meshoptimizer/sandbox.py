"""Run one of meshoptimizer's WebAssembly modules, with memory of its own."""

import functools
from pathlib import Path
from typing import Any

import numpy as np
import wasmtime
from numpy.typing import NDArray

_PAGE_BYTES = 65_536
_MOST_PAGES = 65_536
"""All that 32 bits can address: 4 GiB."""


class Sandbox:
    """
    A fresh instance of a module. Its memory grows as needed and is freed with it.

    The code inside can neither leave that memory nor crash this process: damaged data ends in
    `wasmtime.Trap`, which is a `RuntimeError`.

    Args:
        module: The file it is in.
        room_bytes: The most that arguments, results and the code itself need, in bytes. It is
            asked for at once, since the code inside does not check whether it got more.

    Raises:
        MemoryError: There is not so much memory.
    """

    def __init__(self, module: Path, *, room_bytes: int) -> None:
        engine, compiled = _compiled(module)
        self._store = wasmtime.Store(engine)
        exports = wasmtime.Instance(self._store, compiled, []).exports(self._store)
        self._functions: Any = exports
        self._memory: Any = exports["memory"]
        self._grow(room_bytes)
        self.call("__wasm_call_ctors")

    def call(self, function: str, *args: float) -> int:
        """Call *function*; addresses and numbers in, a number (0 for none) out."""
        result = self._functions[function](self._store, *args)
        return 0 if result is None else int(result)

    def room(self, size_bytes: int) -> int:
        """Reserve *size_bytes* and return their address."""
        return self.call("sbrk", size_bytes) % 2**32

    def put(self, values: NDArray[np.generic]) -> int:
        """Copy *values* in and return their address."""
        data = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
        at = self.room(len(data))
        self._bytes()[at : at + len(data)] = data
        return at

    def get(self, at: int, size_bytes: int) -> NDArray[np.uint8]:
        """Copy *size_bytes* out."""
        return self._bytes()[at : at + size_bytes].copy()

    def _grow(self, room_bytes: int) -> None:
        pages = -(-room_bytes // _PAGE_BYTES)
        if self._memory.size(self._store) + pages > _MOST_PAGES:
            raise MemoryError
        try:
            self._memory.grow(self._store, pages)
        except wasmtime.WasmtimeError as error:
            raise MemoryError from error

    def _bytes(self) -> NDArray[np.uint8]:
        # Looked up anew each time: where it lies may change when it grows.
        return np.frombuffer(self._memory.get_buffer_ptr(self._store), np.uint8)


@functools.cache
def _compiled(module: Path) -> tuple[wasmtime.Engine, wasmtime.Module]:
    """Compile *module* for this machine: some 40 ms, once in a process."""
    config = wasmtime.Config()
    config.parallel_compilation = False
    # Bounds are checked in the code, so no signal handlers are needed, and no address space
    # beyond what is used: processes whose address space is limited work, too.
    config.signals_based_traps = False
    config.memory_reservation = 0
    config.memory_reservation_for_growth = 0
    config.memory_guard_size = 0
    config.memory_init_cow = False
    engine = wasmtime.Engine(config)
    return engine, wasmtime.Module(engine, module.read_bytes())
