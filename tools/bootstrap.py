"""Makes `.venv` from the lock file, with uv and everything it downloads inside the checkout.

Runs on a bare Python, before anything is installed: standard library only.
"""

import argparse
import os
import re
import shutil
import ssl
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OWN_UV = ROOT / ".tools" / "uv"

OLDEST_UV = (0, 13)
UV_REQUIREMENT = "uv>=0.13.8,<0.14"

INDEX_VARIABLES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
"""Who sets one of these wants packages from there; the first one set counts."""


def main() -> None:
    """Run the command named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("runtime", help="install what the program needs to run")
    commands.add_parser("web", help="install what building the web app needs, too")
    commands.add_parser("dev", help="install what working on it needs, too")
    commands.add_parser("check-lock", help="fail unless uv.lock fits pyproject.toml")
    commands.add_parser("uv", help="run uv with the arguments that follow", add_help=False)
    arguments, rest = parser.parse_known_args()

    uv = installed_uv() or install_uv()
    match arguments.command:
        case "runtime":
            install(uv, "--no-dev", "--inexact")
        case "web":
            install(uv, "--no-dev", "--group", "web", "--inexact")
        case "dev":
            install(uv, "--group", "dev", "--extra", "scaled", "--extra", "telemetry")
        case "check-lock":
            check_lock(uv)
        case _:
            run(uv, *rest, env=uv_environment())


def installed_uv() -> Path | None:
    """Find a uv that is new enough, on PATH or installed by an earlier call."""
    for name in (shutil.which("uv"), OWN_UV / "bin" / "uv"):
        if name is None or not Path(name).exists():
            continue
        # A version manager's shim may be on PATH and still have no uv behind it.
        said = subprocess.run([name, "--version"], capture_output=True, text=True, check=False)
        version = re.match(r"uv (\d+)\.(\d+)", said.stdout)
        if version and (int(version[1]), int(version[2])) >= OLDEST_UV:
            return Path(name)
    return None


def install_uv() -> Path:
    """Install uv into the checkout with whatever this Python has: venv, else pip."""
    print(f"Installing uv into {OWN_UV.relative_to(ROOT)} …", file=sys.stderr)
    shutil.rmtree(OWN_UV, ignore_errors=True)
    pip = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-cache-dir")
    # Debian's python3 has ensurepip only with python3-venv, and pip only with python3-pip.
    if find_spec("ensurepip"):
        run(sys.executable, "-m", "venv", OWN_UV)
        run(OWN_UV / "bin" / "python", *pip, UV_REQUIREMENT)
    elif find_spec("pip"):
        run(sys.executable, *pip, "--target", OWN_UV, UV_REQUIREMENT)
    else:
        sys.exit(
            f"{sys.executable} has neither venv nor pip. Install one of them, or uv itself:\n"
            "    apt-get install python3-venv"
        )
    return OWN_UV / "bin" / "uv"


def install(uv: Path, *choice: str) -> None:
    """
    Bring `.venv` to what the lock file says.

    The lock file names the index it was made with, and uv refuses it for another one. So with a
    mirror the same versions are installed by their hashes, wherever the files come from.
    """
    env = uv_environment()
    index = next((env[name] for name in INDEX_VARIABLES if env.get(name)), None)
    if index is None:
        run(uv, "sync", "--quiet", "--locked", *choice, env=env)
        return
    requirements = ROOT / ".cache" / "requirements.txt"
    requirements.parent.mkdir(exist_ok=True)
    export = (
        "export",
        "--quiet",
        "--frozen",
        "--no-emit-project",
        "--extra",
        "scaled",
        "--extra",
        "telemetry",
    )
    run(uv, *export, "--output-file", requirements, env=env)
    env = without_indexes(env) | {"UV_DEFAULT_INDEX": index}
    run(uv, "venv", "--quiet", "--allow-existing", env=env)
    into = ("pip", "install", "--quiet", "--python", ".venv")
    run(uv, *into, "--require-hashes", "-r", requirements, env=env)
    run(uv, *into, "--no-deps", "--editable", ROOT, env=env)


def check_lock(uv: Path) -> None:
    """Exit with advice unless the lock file fits the project file; needs no network."""
    command: list[str | Path] = [uv, "lock", "--check", "--offline"]
    env = without_indexes(uv_environment())
    if subprocess.run(command, cwd=ROOT, env=env, capture_output=True, check=False).returncode:
        sys.exit("uv.lock does not fit pyproject.toml. Run: tools/bootstrap uv lock")


def uv_environment() -> dict[str, str]:
    """Keep uv to this Python and to this checkout."""
    env = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    # The machine may trust more than uv brings along (a company's own proxy), or nothing at all.
    trusted = ssl.get_default_verify_paths()
    if trusted.cafile or trusted.capath:
        env.setdefault("UV_SYSTEM_CERTS", "true")
    return env | {
        "UV_CACHE_DIR": env.get("UV_CACHE_DIR") or str(ROOT / ".cache" / "uv"),
        "UV_PROJECT_ENVIRONMENT": str(ROOT / ".venv"),
        "UV_PYTHON": sys.executable,
        "UV_PYTHON_DOWNLOADS": "never",
    }


def without_indexes(env: Mapping[str, str]) -> dict[str, str]:
    """Copy *env* without a choice of package index."""
    return {name: value for name, value in env.items() if name not in INDEX_VARIABLES}


def run(*command: str | Path, env: Mapping[str, str] | None = None) -> None:
    """Run *command* at the root of the checkout, or exit as it did."""
    status = subprocess.run(command, cwd=ROOT, env=env, check=False).returncode
    if status:
        sys.exit(status)


if __name__ == "__main__":
    main()
