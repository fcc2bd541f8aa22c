"""
Take meshoptimizer's WebAssembly out of its JavaScript package, as `ORIGIN.md` there says.

    python3 tools/vendor_meshoptimizer.py 1.3.0

fetches that release with npm and writes the modules and their licence. The same release always
gives the same bytes; `ORIGIN.md` lists their SHA-256, and a test compares them.
"""

import hashlib
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src/image2model/geometry/meshoptimizer"

MODULES = {
    PACKAGE / "simplifier.wasm": ("meshopt_simplifier.js", "wasm"),
    PACKAGE / "decoder.wasm": ("meshopt_decoder.mjs", "wasm_base"),
    ROOT / "tests/geometry/meshoptimizer_encoder.wasm": ("meshopt_encoder.js", "wasm"),
}
"""The file written, the script it is taken from, and the name of the string that holds it."""


def main() -> None:
    """Fetch the release named on the command line and write its modules."""
    (version,) = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["npm", "pack", "--silent", f"meshoptimizer@{version}"], cwd=folder, check=True
        )
        (archive,) = Path(folder).glob("*.tgz")
        with tarfile.open(archive) as package:
            package.extractall(folder, filter="data")
        scripts = Path(folder) / "package"
        for path, (script, variable) in MODULES.items():
            write(path, module_in((scripts / script).read_text(), variable))
        write(PACKAGE / "LICENSE.md", (scripts / "LICENSE.md").read_bytes())


def write(path: Path, content: bytes) -> None:
    """Write a file and print its checksum, for `ORIGIN.md`."""
    path.write_bytes(content)
    print(f"{hashlib.sha256(content).hexdigest()}  {path.relative_to(ROOT)}")


def module_in(script: str, variable: str) -> bytes:
    """
    Decode the string *variable* of *script*, as the script itself does before it starts the module.

    Each of 64 characters is a number; those below 60 stand for a frequent byte each, from a table
    in the script, and the others open a pair that stands for any byte.
    """
    text = re.search(rf"{variable} =\s*'([^']*)'", script)
    table = re.search(r"wasmpack = new Uint8Array\(\[([^\]]*)\]", script)
    if text is None or table is None:
        sys.exit(f"This release holds no '{variable}' as earlier ones did.")
    frequent = [int(number) for number in re.findall(r"\d+", table[1])]
    digits = iter(_digit(character) for character in text[1].encode())
    return bytes(
        frequent[digit] if digit < 60 else (digit - 60) * 64 + next(digits) for digit in digits
    )


def _digit(character: int) -> int:
    if character > ord("`"):
        return character - ord("a")
    if character > ord("@"):
        return character - ord("A") + 26
    return character - ord("0") + 52


if __name__ == "__main__":
    main()
