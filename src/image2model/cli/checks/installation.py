"""Check an installation, one part after the other."""

import errno
import os
import platform
import shutil
import socket
import stat
import tempfile
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

from image2model.backends.sql.tables import REVISION
from image2model.cli.checks.access import (
    NAMES_ADVICE,
    NAMES_MISSING,
    check_access,
    nobody_else_is_served,
    served_names,
)
from image2model.cli.checks.edge import check_edge
from image2model.cli.checks.findings import Finding, Level
from image2model.cli.checks.money import check_money
from image2model.cli.checks.queue import check_queue
from image2model.cli.service.in_process import EmbeddedDesk, open_embedded
from image2model.cli.service.over_http import open_remote
from image2model.cli.terminal.paths import without_secrets
from image2model.core.errors import Image2ModelError, InvalidSetting
from image2model.core.platform import raise_descriptor_limit
from image2model.jobs.health import OK, QUEUE, check_parts
from image2model.ports.provider import Provider
from image2model.settings import (
    Settings,
    default_data_dir,
    load_settings,
    mistyped_variables,
    platform_data_dir,
    present_variables,
)

_LITTLE_SPACE_BYTES = 1_000_000_000
_FEW_DESCRIPTORS = 4_096


def check_installation() -> Iterator[Finding]:
    """Yield what every check finds, as it finds it."""
    yield _ok("image2model", f"{version('image2model')} on Python {platform.python_version()}")
    yield from _check_variables()
    try:
        settings = load_settings()
    except Image2ModelError as error:
        yield _failure("settings", error)
        return
    yield from _check_folder(settings.data_dir)
    yield from _check_other_folder(settings.data_dir)
    yield from _check_descriptors()
    yield from _check_product(settings)
    yield _check_port(settings.serve.host, settings.serve.port)
    yield from _check_visitors(settings)
    yield from check_edge(settings)
    if settings.server_url:
        yield _check_server(settings, settings.server_url)


def _ok(what: str, found: str) -> Finding:
    return Finding(what=what, level=Level.OK, found=found)


def _failure(what: str, error: Image2ModelError) -> Finding:
    return Finding(what=what, level=Level.FAILURE, found=error.message, code=error.code)


def _check_variables() -> Iterator[Finding]:
    used = ", ".join(present_variables()) or "none"
    yield _ok("settings", f"from the environment: {used}")
    for mistyped in mistyped_variables():
        yield Finding(
            what="settings",
            level=Level.FAILURE if mistyped.is_about_money else Level.WARNING,
            found=f"{mistyped.name} is no setting and has no effect",
            advice=mistyped.advice,
        )


def _check_folder(folder: Path) -> Iterator[Finding]:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"image2model")
    except OSError as error:
        yield Finding(
            what="data folder",
            level=Level.FAILURE,
            found=f"{folder} cannot be written: {error.strerror}",
            advice="Set IMAGE2MODEL_DATA_DIR to a folder you may write.",
        )
        return
    if os.name == "posix" and folder.stat().st_mode & stat.S_IRWXO:
        yield Finding(
            what="data folder",
            level=Level.WARNING,
            found=f"other users of this machine may look into {folder}",
            advice=f"Run chmod o-rwx {folder}",
        )
    free_bytes = shutil.disk_usage(folder).free
    little = free_bytes < _LITTLE_SPACE_BYTES
    yield Finding(
        what="data folder",
        level=Level.WARNING if little else Level.OK,
        found=f"{folder}, {free_bytes / 1e9:.1f} GB free",
        advice="Free some space, or `image2model jobs delete` what is not needed."
        if little
        else "",
    )


def _check_other_folder(folder: Path) -> Iterator[Finding]:
    """Point out jobs that were kept before a source checkout had a folder of its own."""
    other = platform_data_dir()
    if folder == default_data_dir() != other and (other / "image2model.db").is_file():
        yield Finding(
            what="data folder",
            level=Level.NOTE,
            found=f"{other} has jobs, too, and is not used",
            advice=f"To use it set IMAGE2MODEL_DATA_DIR={other}",
        )


def _check_descriptors() -> Iterator[Finding]:
    """Say how many files and connections `serve` and `worker` may hold, once they asked for all."""
    limit = raise_descriptor_limit()
    if limit is None:
        return
    few = limit < _FEW_DESCRIPTORS
    yield Finding(
        what="open files",
        level=Level.WARNING if few else Level.OK,
        found=f"at most {limit} files and connections at once",
        advice="Raise the hard limit: `ulimit -Hn`, `LimitNOFILE=` of systemd, `ulimits` of Docker."
        if few
        else "",
    )


def _check_product(settings: Settings) -> Iterator[Finding]:
    try:
        with open_embedded(settings, works=False) as desk:
            for part, outcome in desk.call(check_parts, desk.context).items():
                if part == QUEUE:
                    continue  # There is none, or more is said about it below.
                level = Level.OK if outcome == OK else Level.FAILURE
                yield Finding(what=part, level=level, found=_told(settings, part, outcome))
            yield from _check_durability(desk, settings)
            yield from check_queue(settings, desk)
            yield _ok("default generator", desk.context.catalogue.default)
            yield from check_money(settings, desk)
            for provider in desk.context.catalogue.providers:
                yield _check_provider(desk, provider)
            for name, reason in desk.context.catalogue.left_out.items():
                yield Finding(what=f"provider {name}", level=Level.WARNING, found=reason)
    except Image2ModelError as error:
        yield _failure("product", error)


def _told(settings: Settings, part: str, outcome: str) -> str:
    places = {
        "database": _database(settings),
        "storage": without_secrets(settings.effective_storage_url),
    }
    if outcome != OK:
        return outcome
    return places.get(part, "works")


def _database(settings: Settings) -> str:
    shown = without_secrets(settings.effective_database_url)
    return shown if settings.jobs_are_in_redis else f"{shown} (schema {REVISION})"


def _check_durability(desk: EmbeddedDesk, settings: Settings) -> Iterator[Finding]:
    if not settings.jobs_are_in_redis:
        return
    # Installed, since the product could be opened; not so where there is no Redis.
    from image2model.backends.redis.connection.database import open_redis  # noqa: PLC0415
    from image2model.backends.redis.connection.durability import find_weaknesses  # noqa: PLC0415

    async def ask() -> Sequence[str]:
        database = open_redis(settings.effective_database_url)
        try:
            return await find_weaknesses(database)
        finally:
            await database.aclose()

    yield Finding(
        what="durability",
        level=Level.NOTE,
        found="the machine of the Redis may take the last second of jobs with it",
        advice="PostgreSQL loses nothing: IMAGE2MODEL_DATABASE_URL=postgresql://…",
    )
    for weakness in desk.call(ask):
        yield Finding(what="durability", level=Level.WARNING, found=weakness)


def _check_provider(desk: EmbeddedDesk, provider: Provider) -> Finding:
    what = f"provider {provider.name}"
    try:
        desk.call(provider.check)
    except Exception as error:  # noqa: BLE001 - a plug-in's may be any
        said = f"broke off: {type(error).__name__}: {error}"
        return Finding(
            what=what,
            level=Level.WARNING,
            found=error.message if isinstance(error, Image2ModelError) else said,
            advice=f"Its generators cannot be used until then: {_ids(provider)}.",
        )
    return _ok(what, f"can be used: {_ids(provider)}")


def _ids(provider: Provider) -> str:
    return ", ".join(card.id for card in provider.cards())


def _check_port(host: str, port: int) -> Finding:
    what = "server address"
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        busy = error.errno == errno.EADDRINUSE
        return Finding(
            what=what,
            level=Level.NOTE if busy else Level.FAILURE,
            found=f"{host}, port {port}: {error.strerror}",
            advice="A server may be running already; else choose `image2model serve --port`."
            if busy
            else "Choose an address of this machine with `image2model serve --host`.",
        )
    return _ok(what, f"{host}, port {port} is free")


def _check_visitors(settings: Settings) -> Iterator[Finding]:
    """Say who could reach `serve`, or why it would not start."""
    what = "server access"
    try:
        check_access(settings)
    except InvalidSetting as error:
        yield _failure(what, error)
        return
    if nobody_else_is_served(settings):
        yield Finding(what=what, level=Level.FAILURE, found=NAMES_MISSING, advice=NAMES_ADVICE)
    else:
        names = dict.fromkeys(["localhost", *served_names(settings)])
        yield _ok(what, f"{settings.serve.access or 'sessions'}, as {', '.join(names)}")


def _check_server(settings: Settings, url: str) -> Finding:
    key = settings.api_key.get_secret_value() if settings.api_key else None
    try:
        with open_remote(settings, url=url, api_key=key) as desk:
            count = len(desk.generators())
    except Image2ModelError as error:
        return _failure(f"server {url}", error)
    return _ok(f"server {url}", f"answers and has {count} generators")
