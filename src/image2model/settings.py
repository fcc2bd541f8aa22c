"""Every setting of the product; the only place that reads the environment."""

import difflib
import json
import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from importlib.metadata import entry_points
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, urlsplit

import platformdirs
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticUndefined
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from image2model.core.errors import InvalidSetting
from image2model.core.platform import usable_cores
from image2model.core.text.close_names import closest_name
from image2model.core.text.hosts import is_loopback, read_host, read_host_and_port
from image2model.ports.provider import PROVIDER_GROUP
from image2model.wire.paths import API_PREFIX

PREFIX = "IMAGE2MODEL_"
HOOKS_PATH = f"{API_PREFIX}/hooks"
"""Below it, by name, providers tell us that work is done."""

ANY_HOST = "*"
"""Among the allowed hosts: the server answers to every name."""

_BUCKETS = frozenset({"s3", "gs", "az"})
_BUILT_IN_PROVIDERS = frozenset({"fal", "local"})

_CHECKOUT = Path(__file__).parents[2]
"""The source checkout, if the package is run from one (an editable installation)."""


# --- kinds of values ----------------------------------------------------------------------------


def _listed(value: object) -> object:
    """Read a list in either of its forms: separated by commas, or as JSON."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            found = json.loads(value)
        except ValueError:
            pass
        else:
            if not all(isinstance(part, str) for part in found):
                raise ValueError("must be a list of names")
            return found
    return [part.strip() for part in value.split(",") if part.strip()]


def _is_set(value: object) -> object:
    if isinstance(value, str) and not value.strip():
        raise ValueError("is empty; unset the variable to have the default")
    return value


def _whole_path(path: Path) -> Path:
    if "?" in str(path):
        raise ValueError("must not contain a question mark")  # It would end the database's URL.
    return path.expanduser().absolute()


def _split(url: str) -> SplitResult:
    """Take *url* apart; what is raised never shows any of it, for it may hold a password."""
    if not url.isprintable() or " " in url:
        raise ValueError("is no URL: it has spaces or line breaks in it")
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - read to have it checked
    except ValueError:
        raise ValueError(
            "is no URL: its port is no number from 0 to 65535. Within user and password, write "
            "/ as %2F, : as %3A, @ as %40, # as %23 and ? as %3F"
        ) from None
    return parts


def _web_address(url: str) -> str:
    parts = _split(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be the address of a web server, with http:// or https://")
    return url


def _secret_address(url: str) -> str:
    parts = _split(_web_address(url))
    if parts.username or not (parts.scheme == "https" or is_loopback(parts.hostname or "")):
        raise ValueError(
            "must be an https URL; plain http is accepted for loopback only, for the key "
            "travels along"
        )
    return url


def _database_address(url: str) -> str:
    if not url:
        return url
    parts = _split(url)
    match parts.scheme.partition("+")[0]:
        case "sqlite":
            if not parts.path.strip("/") or parts.netloc or parts.path == "/:memory:":
                raise ValueError("must name a file after sqlite:///")
        case "postgresql":
            if not parts.path.strip("/"):
                raise ValueError("names no database after the host")
        case "redis" | "rediss":
            _redis_number(parts)
        case _:
            raise ValueError(
                f"{_scheme(parts)}; use sqlite:///PATH, postgresql://USER:PASSWORD@HOST/DATABASE "
                "or redis://:PASSWORD@HOST/NUMBER"
            )
    return url


def _queue_address(url: str) -> str:
    if "://" not in url:
        raise ValueError("names no broker, such as redis://HOST:6379/0")
    # Others, such as Sentinel's with several hosts, are Celery's to read.
    if (scheme := url.partition("://")[0]) in {"redis", "rediss", "amqp", "amqps", "inprocess"}:
        parts = _split(url)
        if scheme.startswith("redis"):
            _redis_number(parts)
    return url


def _redis_number(parts: SplitResult) -> None:
    # The library takes any other word for 0.
    if not re.fullmatch(r"/?\d*/?", parts.path):
        raise ValueError("names a database of a Redis by a number after the host, such as /0")


def _storage_address(url: str) -> str:
    if not url:
        return url
    parts = _split(url)
    if parts.scheme == "file":
        if parts.netloc or not parts.path.strip("/"):
            raise ValueError("must name a folder after file://, beginning with a slash")
        if parts.query or parts.fragment:
            raise ValueError("must not have a ? or # in it; write %3F or %23")
    elif parts.scheme not in _BUCKETS:
        raise ValueError(
            f"{_scheme(parts)}; use file:///PATH, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or "
            "az://CONTAINER/PREFIX"
        )
    elif not parts.netloc:
        raise ValueError(f"names no bucket after {parts.scheme}://")
    return url


def _scheme(parts: SplitResult) -> str:
    return f"'{parts.scheme}:' is not supported" if parts.scheme else "has no scheme"


def _allowed_host(text: str) -> str:
    return text.strip() if text.strip() == ANY_HOST else read_host(text)


def _each(read: Callable[[str], str]) -> Callable[[list[str]], list[str]]:
    return lambda names: [read(name) for name in names]


def _bound_host(text: str) -> str:
    return read_host(text).strip("[]")


def _key(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ValueError("has characters that no key has, such as a space or a line break")
    return secret


def _network(text: str) -> str:
    try:
        return str(ip_network(text.strip(), strict=False))
    except ValueError:
        raise ValueError(
            f"'{text}' is no IP address or network, such as 10.0.0.7 or 172.16.0.0/12"
        ) from None


def _generator_pattern(text: str) -> str:
    if not re.fullmatch(r"[\w.:/*?-]+", text, re.ASCII):
        raise ValueError(f"has '{text}' in it, which is no generator's id and no pattern")
    return text


def _not_empty(names: list[str]) -> list[str]:
    if not names:
        raise ValueError("is empty; unset the variable to have the default")
    return names


_Patterns = Annotated[
    list[str],
    BeforeValidator(_listed),
    AfterValidator(_each(_generator_pattern)),
    AfterValidator(_not_empty),
]
_Key = Annotated[SecretStr, AfterValidator(_key)]
_ServedNames = Annotated[list[str], BeforeValidator(_listed), AfterValidator(_each(_allowed_host))]
_PrivateHosts = Annotated[
    list[str], BeforeValidator(_listed), AfterValidator(_each(read_host_and_port))
]
_Names = Annotated[list[str], BeforeValidator(_listed)]
_Networks = Annotated[list[str], BeforeValidator(_listed), AfterValidator(_each(_network))]
_BoundHost = Annotated[str, AfterValidator(_bound_host)]
_WebAddress = Annotated[str, AfterValidator(_web_address)]
_SecretAddress = Annotated[str, AfterValidator(_secret_address)]


# --- the settings -------------------------------------------------------------------------------


_Limit = int | Literal["auto"] | None
"""A number, or the default that depends on who may reach the server."""


class _Group(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False)


def _automatic(description: str, *, in_the_open: int) -> Any:
    """Describe a limit that holds by itself only where others may reach the server."""
    return Field(
        "auto",
        ge=0,
        examples=[str(in_the_open)],
        description=f"{description} `auto`: {in_the_open:,} where others may reach the server, "
        "else no limit. None: no limit.",
        json_schema_extra={"in_the_open": in_the_open},
    )


class LimitSettings(_Group):
    """What callers may send and have here. `IMAGE2MODEL_LIMITS__…`."""

    items_per_job: int = Field(
        25, ge=1, le=500, description="Items of one job. 25 keeps a page and a bill easy to follow."
    )
    picture_bytes: int = Field(
        25_000_000, ge=1_000, description="Bytes of one picture: a 24-megapixel JPEG fits easily."
    )
    picture_pixels: int = Field(
        50_000_000,
        ge=10_000,
        description="Pixels of one picture; 50 million take 200 MB. JPEGs of up to five times as "
        "many are scaled down while they are read; other pictures are refused before that.",
    )
    result_bytes: int = Field(
        500_000_000, ge=1_000, description="Bytes of one file of a result that is kept."
    )
    unfinished_jobs_per_owner: int = Field(
        100, ge=1, description="Drafts, running and paused jobs of one browser session or key."
    )
    requests_per_minute: int | None = Field(
        30_000,
        ge=1,
        description="Requests that one API key or person, or without either an internet address, "
        "may send in a minute, counted by each web process; whoever sits at a machine that nobody "
        "else can reach is not counted. A page of the most pictures that can be allowed asks for "
        "some 2,000. None: any number.",
    )
    jobs_per_minute: int | None = Field(
        300,
        ge=1,
        description="Jobs and drafts that one API key, or without one an internet address, may "
        "make in a minute, counted by each web process; callers on this machine are not counted. "
        "None: any number.",
    )
    fetches_per_minute: int | None = Field(
        600,
        ge=1,
        description="Pictures that the same may have fetched from addresses in a minute, counted "
        "alike: each may be as large as an upload, and others see our address. A job of the most "
        "pictures that can be allowed, 500, fits. None: any number.",
    )
    bytes_per_owner: _Limit = _automatic(
        "Bytes of pictures and kept results of one browser session or key. A model that was made "
        "is kept all the same, and nothing more is taken in. What is made of them in other "
        "formats makes way.",
        in_the_open=10_000_000_000,
    )
    anonymous_bytes: _Limit = _automatic(
        "The same of all browser sessions without an API key together.",
        in_the_open=50_000_000_000,
    )
    bytes: int | None = Field(
        None, ge=0, examples=["500000000000"], description="The same of everybody. None: no limit."
    )
    derived_bytes_per_owner: _Limit = _automatic(
        "Bytes of what is kept of other formats, thumbnails and turntables of one browser session "
        "or key. Those used longest ago make way; they are made again when somebody asks.",
        in_the_open=2_000_000_000,
    )
    drafts_per_owner: _Limit = _automatic("Drafts of one browser session or key.", in_the_open=25)
    items_per_owner: _Limit = _automatic(
        "Unfinished items of the running and paused jobs of one browser session or key.",
        in_the_open=500,
    )
    sessions_per_hour: int | None = Field(
        60,
        ge=1,
        description="Browser sessions that may be begun from one internet address in an hour, "
        "counted by each web process; a session begins with the first job, and this machine is "
        "not counted. None: any number.",
    )
    sessions: int = Field(
        100_000,
        ge=1,
        description="Browser sessions without jobs that are remembered; the oldest are forgotten.",
    )
    uploads_at_once: int = Field(
        16,
        ge=1,
        description="Uploads that one owner may have under way at once in each web process; a job "
        "sent as one form is one. Further ones wait for ten seconds and are then refused.",
    )
    fetches_at_once: int = Field(
        6,
        ge=1,
        description="Pictures that one owner may have fetched from addresses at once in each web "
        "process. Further ones wait for a minute and are then refused.",
    )
    streams_per_caller: int = Field(
        100,
        ge=1,
        description="Event streams and waiting requests that the same may have at a time, counted "
        "alike; a page needs one.",
    )


class ServeSettings(_Group):
    """How the web server listens. `IMAGE2MODEL_SERVE__…`."""

    host: _BoundHost = Field(
        "127.0.0.1", description="Address to bind; this machine only by default."
    )
    port: int = Field(8000, ge=0, le=65_535, description="TCP port; 0: any free one.")
    access: Literal["sessions", "keys"] | None = Field(
        None,
        examples=["keys"],
        description="Who may create jobs: `sessions`: every browser that can reach the server, "
        "each seeing its own jobs; `keys`: only callers with an API key. None: `sessions` on a "
        "loopback address; on any other the server refuses to start until this is set.",
    )
    allowed_hosts: _ServedNames = Field(
        default_factory=list,
        examples=["models.example.org,10.0.0.5"],
        description="Host names the server answers to, besides loopback ones, separated by commas "
        "or as a JSON list, without scheme and port; protects browsers from DNS rebinding. `*`: "
        "all.",
    )
    user_header: str | None = Field(
        None,
        pattern=r"^[A-Za-z][A-Za-z0-9-]*$",
        examples=["X-Auth-Request-Email"],
        description="Header in which a trusted proxy says who somebody is; believed from no other "
        "address. Their jobs follow them over devices. None: no header is.",
    )
    admins: _Names = Field(
        default_factory=list,
        examples=["ann@example.org,bob@example.org"],
        description="People who may do everything, separated by commas or as a JSON list, by the "
        "name that the sign-in or the trusted proxy says.",
    )
    behind_proxy: bool = Field(
        False,
        description="Believe X-Forwarded-Proto and X-Forwarded-For of the proxy before the server: "
        "one on this machine or, unless the server is bound to loopback, in a private network. "
        "Others are named by `IMAGE2MODEL_SERVE__TRUSTED_PROXIES`.",
    )
    trusted_proxies: _Networks = Field(
        default_factory=list,
        examples=["10.0.0.7,172.16.0.0/12"],
        description="Addresses and networks of the proxies before the server, separated by commas "
        "or as a JSON list: these alone are believed, and may stand in a row. Callers are counted "
        "by the last address that is none of theirs.",
    )
    metrics_port: int | None = Field(
        None,
        ge=1,
        le=65_535,
        examples=["9099"],
        description="Port at which monitoring reads `GET /metrics` without a key. None: not at "
        "all; then `/api/v1/metrics` tells the same to keys with the scope `admin`.",
    )
    metrics_host: _BoundHost = Field(
        "127.0.0.1", description="Address of that port; whoever reaches it reads the numbers."
    )
    connections: int = Field(
        4_000,
        ge=10,
        description="Connections at a time, or fewer where the process may open few files. The one "
        "without a request for the longest time makes room for a new one.",
    )
    connections_per_address: int = Field(
        200,
        ge=5,
        description="Connections of one internet address at a time; a proxy, and this machine, may "
        "have any number.",
    )
    streams: int = Field(
        2_000, ge=1, description="Event streams and waiting requests of all callers at a time."
    )
    url_bytes: int = Field(
        8_192, ge=1_000, le=65_536, description="Bytes of a request's address; longer: 414."
    )
    header_bytes: int = Field(
        32_768, ge=4_000, le=1_000_000, description="Bytes of a request's header; more: 431."
    )
    header_fields: int = Field(
        100, ge=20, le=1_000, description="Fields of a request's header; more: 431."
    )
    header_s: float = Field(
        10.0, gt=0, description="Seconds in which a request's header must come."
    )
    body_idle_s: float = Field(30.0, gt=0, description="Seconds for which a body may stop.")
    body_bytes_per_s: int = Field(
        1_000,
        ge=0,
        description="Bytes of a body that come in a second at least, on the average, once "
        "`IMAGE2MODEL_SERVE__BODY_IDLE_S` have passed.",
    )
    answer_idle_s: float = Field(
        60.0, gt=0, description="Seconds for which a caller may take nothing of its answer."
    )
    keep_alive_s: int = Field(
        30,
        ge=1,
        description="Seconds for which an unused connection is kept. Longer than a "
        "proxy's own time, or it sends into closed ones.",
    )
    base_path: str | None = Field(
        None,
        pattern=r"^(/[A-Za-z0-9._~-]+)*/?$",
        examples=["/3d"],
        description="Path below which a proxy offers the server, such as `/3d`; the proxy may "
        "remove it or leave it in. None: that of IMAGE2MODEL_PUBLIC_URL, if it has one.",
    )


class ComputeSettings(_Group):
    """The processes that compute. `IMAGE2MODEL_COMPUTE__…`."""

    workers: int | None = Field(
        None,
        ge=1,
        examples=["4"],
        description="Processes; None: one for each core this process may use.",
    )
    memory_bytes: int | None = Field(
        4_000_000_000,
        ge=500_000_000,
        description="Data memory of one process; None: no limit. A picture of 50 megapixels "
        "needs 1 GB, a model of 200 MB up to 3 GB.",
    )
    together_bytes: int | None = Field(
        2_000_000_000,
        ge=100_000_000,
        description="Memory that large pictures and models may need at once, all processes "
        "together; others wait. One that needs more is computed alone. None: no limit.",
    )
    limit_s: float = Field(
        120.0, gt=0, description="Longest single computation in seconds; then it is stopped."
    )

    @property
    def processes(self) -> int:
        """How many processes, with the default filled in."""
        return self.workers or usable_cores()


class RetentionSettings(_Group):
    """How long things are kept, in seconds. `IMAGE2MODEL_RETENTION__…`."""

    keep_s: float | None = Field(
        None,
        gt=0,
        examples=["2592000"],
        description="Finished jobs whose results we store. None: until somebody deletes them, "
        "for a result must not vanish by itself; with jobs in Redis, whose memory is small, as "
        "long as `IMAGE2MODEL_RETENTION__LINKS_S` says.",
    )
    links_s: float = Field(
        86_400.0, gt=0, description="Finished jobs of which only the provider's URLs are known."
    )
    draft_s: float = Field(86_400.0, gt=0, description="Drafts that nobody touches.")
    empty_draft_s: float = Field(3_600.0, gt=0, description="The same without a picture.")
    audit_s: float = Field(
        31_536_000.0,
        gt=0,
        description="Entries of the audit log: who changed what about money and access.",
    )


class BudgetSettings(_Group):
    """What may be spent. `IMAGE2MODEL_BUDGET__…`."""

    day_usd: Decimal | None = Field(
        None,
        ge=0,
        examples=["25"],
        description="US dollars in any 24 hours, all jobs together; None: no limit.",
    )
    month_usd: Decimal | None = Field(
        None,
        ge=0,
        examples=["300"],
        description="US dollars in any 30 days, all jobs together; None: no limit.",
    )
    owner_job_usd: Decimal | None = Field(
        None,
        ge=0,
        examples=["5"],
        description="US dollars that any one job may cost, whatever its owner allows for it; "
        "None: no limit.",
    )
    owner_day_usd: Decimal | None = Field(
        None,
        ge=0,
        examples=["5"],
        description="US dollars in any 24 hours for one browser session or API key; None: no "
        "limit. Sessions can be begun at will, so this limits keys, and people without bad will.",
    )
    owner_month_usd: Decimal | None = Field(
        None,
        ge=0,
        examples=["50"],
        description="The same in any 30 days.",
    )
    anonymous: Literal["free", "paid"] | None = Field(
        None,
        examples=["free"],
        description="What browsers without an API key may use: `free`: what costs nothing; `paid`: "
        "everything, within the budgets. None: `paid` where only this machine can reach the "
        "server, else `free`.",
    )
    unknown_price_usd: Decimal | None = Field(
        None,
        gt=0,
        examples=["1.50"],
        description="US dollars that one model costs at most where nobody knows its price, as of "
        "endpoints of fal.ai that are not listed: it counts so much until it is billed. None: "
        "such models are not bought.",
    )


class WebhookSettings(_Group):
    """What is sent to the webhooks of those who make jobs. `IMAGE2MODEL_WEBHOOKS__…`."""

    per_owner: int = Field(10, ge=0, description="The most webhooks of one owner; 0: none.")
    waiting: int = Field(
        1_000,
        gt=0,
        description="The most deliveries that wait for one webhook; then the oldest are dropped.",
    )
    log_s: float = Field(
        604_800.0, gt=0, description="How long deliveries stay in the log, in seconds."
    )
    failing_s: float = Field(
        432_000.0,
        gt=0,
        description="A webhook to which everything failed for so long is switched off, in seconds.",
    )


class FetchSettings(_Group):
    """What is read from URLs that others wrote. `IMAGE2MODEL_FETCH__…`."""

    allowed_private_hosts: _PrivateHosts = Field(
        default_factory=list,
        examples=["127.0.0.1:4711,gateway.lan"],
        description="Hosts, separated by commas or as a JSON list, each `host` or `host:port`, "
        "that may be private or plain http: a gateway or a simulator of yours. Everything else "
        "must be public https.",
    )


class OpenIdSettings(_Group):
    """How an organisation's own service signs people in. `IMAGE2MODEL_OPENID__…`."""

    issuer: _SecretAddress | None = Field(
        None,
        examples=["https://login.example.org/realms/main"],
        description="Address of the OpenID provider, as it names itself. People come back to "
        "`IMAGE2MODEL_PUBLIC_URL`/api/v1/session/openid/callback. None: no such sign-in.",
    )
    client_id: str = Field(
        "image2model", min_length=1, description="What this server is called there."
    )
    client_secret: _Key | None = Field(
        None,
        examples=["SECRET"],
        description="What the server proves that with. None: by PKCE alone, as a public client.",
    )
    claim: str = Field(
        "email",
        min_length=1,
        description="What of a person names them, and so which jobs are theirs: `email`, which "
        "must be verified, or `sub`, which stays when the address changes.",
    )


class FalSettings(_Group):
    """How fal.ai is used. `IMAGE2MODEL_FAL__…`; the key is `FAL_KEY`."""

    queue_url: _SecretAddress = Field(
        "https://queue.fal.run", description="Queue. Plain http is accepted for loopback only."
    )
    rest_url: _SecretAddress = Field(
        "https://rest.fal.ai", description="Upload tokens and webhook keys."
    )
    cdn_url: _SecretAddress = Field(
        "https://v3.fal.media", description="Where pictures are uploaded to."
    )
    api_url: _SecretAddress = Field(
        "https://api.fal.ai/v1", description="Platform API: prices and the list of own requests."
    )
    concurrency: int | Literal["auto"] = Field(
        2,
        description="Requests in progress there at once, from this process; those above it wait "
        "here. 2 is the limit of a new account. `auto`: find out what the account may.",
    )
    start_limit_s: float = Field(
        300.0, gt=1.0, description="Seconds a request may wait in fal's queue; then it is dropped."
    )
    limit_s: float = Field(
        1_800.0, gt=1.0, description="Seconds a request may take in all; then it is cancelled."
    )
    file_life_s: float | None = Field(
        604_800.0,
        gt=0,
        description="Seconds that fal keeps the files it makes; None: what the account is set to.",
    )

    @field_validator("concurrency")
    @classmethod
    def _is_positive(cls, value: int | str) -> int | str:
        if isinstance(value, int) and value < 1:
            raise ValueError("must be 1 or more, or auto")
        return value


def default_data_dir() -> Path:
    """Where everything is kept unless a variable says so: in the checkout, or the user's folder."""
    if (_CHECKOUT / "Makefile").is_file() and (_CHECKOUT / "pyproject.toml").is_file():
        return _CHECKOUT / ".data"
    return platform_data_dir()


def platform_data_dir() -> Path:
    """Where the platform keeps what programs keep for this user."""
    return Path(platformdirs.user_data_dir("image2model", appauthor=False))


class Settings(BaseSettings):
    """
    All settings, from the environment.

    `IMAGE2MODEL_DATA_DIR=/srv/i2m` sets `data_dir`; two underscores lead into a group:
    `IMAGE2MODEL_LIMITS__ITEMS_PER_JOB=100`. The word `none` is None, for what has a default.
    """

    model_config = SettingsConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read what was given, then the environment; no files."""
        del env_settings, dotenv_settings, file_secret_settings
        return init_settings, _Environment(settings_cls)

    data_dir: Annotated[Path, BeforeValidator(_is_set), AfterValidator(_whole_path)] = Field(
        default_factory=default_data_dir,
        examples=["/srv/image2model"],
        description="Folder of everything that is kept; nothing is written elsewhere. By default "
        "`.data` in a source checkout, so that `make run` and the commands beside it share one.",
    )
    database_url: Annotated[str, AfterValidator(_database_address)] | None = Field(
        None,
        examples=["postgresql://image2model:PASSWORD@db.example:5432/image2model"],
        description="Jobs and the ledger: a SQLite file; for more than one process "
        "(the extra `scaled`) `postgresql://USER:PASSWORD@HOST/NAME`, or "
        "`redis://:PASSWORD@HOST/NUMBER`, which keeps finished jobs for a time only. None: "
        "`sqlite:///<data_dir>/image2model.db`.",
    )
    queue_url: Annotated[str, AfterValidator(_queue_address)] = Field(
        "inprocess://",
        description="How items reach their workers: `redis://[:PASSWORD@]HOST:PORT/NUMBER`, or "
        "another broker of Celery's, with `image2model worker` processes "
        "(the extra `scaled`); `inprocess://`: no queue, one process does everything.",
    )
    storage_url: Annotated[str, AfterValidator(_storage_address)] | None = Field(
        None,
        examples=["s3://models/image2model"],
        description="Pictures and results: `file:///FOLDER`, `s3://BUCKET/PREFIX`, "
        "`gs://BUCKET/PREFIX` or `az://CONTAINER/PREFIX`. None: `file://<data_dir>/artifacts`.",
    )
    storage_endpoint_url: _WebAddress | None = Field(
        None,
        examples=["https://minio.example.org:9000"],
        description="Where the store of `s3://…` lives if it is not Amazon's, such as "
        "`https://minio.example.org:9000`.",
    )
    default_generator: str | None = Field(
        None,
        examples=["local/relief"],
        description="Used when a job names none. None: `fal/tripo-v2.5` if `FAL_KEY` is set and "
        "it may be used, else `local/puff`.",
    )
    allowed_generators: _Patterns | None = Field(
        None,
        examples=["local/*,fal/tripo-*"],
        description="Generators that may be used, separated by commas or as a JSON list: ids, or "
        "patterns with `*` for anything and `?` for one character. What is not listed by its "
        "provider, such as `fal:OWNER/ENDPOINT`, can be named, too. None: all that are listed; on "
        "the command line, without a server, any.",
    )
    derived_bytes: int | None = Field(
        20_000_000_000,
        ge=0,
        description="Bytes of what is kept of other formats, thumbnails and turntables of "
        "everybody. Those used longest ago make way; they are made again when somebody asks. "
        "None: no limit.",
    )
    keep: Literal["keep", "links"] = Field(
        "keep",
        description="`keep`: copy results into our storage; `links`: remember provider URLs only.",
    )
    lease_s: float = Field(
        10.0,
        ge=1.0,
        le=3_600.0,
        description="Seconds after which the items of a process that died are taken over. Not "
        "shorter than a busy machine or database may be silent.",
    )
    item_soft_limit_s: float = Field(
        1_500.0,
        gt=0.0,
        description="Longest work on an item in seconds, once it is under way; then it is stopped "
        "and fails. Waiting for its turn does not count.",
    )
    item_hard_limit_s: float = Field(
        1_800.0,
        gt=0.0,
        description="Longest work on an item with stopping it, in seconds; then it is let go, and "
        "another worker goes on. Longer than the soft limit.",
    )
    reserve_bytes: int | None = Field(
        None,
        ge=0,
        examples=["2000000000"],
        description="Free bytes that are kept on the disks of the data folder and of the storage "
        "for models that are on their way. Below that, uploads and jobs are refused with "
        "`storage_full`, items wait before they are sent to a provider, and no derived files are "
        "kept. None: 500 MB, and no more than 5 % of the disk.",
    )
    collect_s: float = Field(
        300.0,
        ge=1.0,
        le=86_400.0,
        description="Seconds for which a model that was made and paid for is fetched again by "
        "itself where it cannot be fetched or kept. After that it is fetched when it is retried.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "warning", description="The least severe messages written to standard error."
    )
    worker_metrics_port: int | None = Field(
        None,
        ge=1,
        le=65_533,
        examples=["9100"],
        description="Port at which a worker of the queue network answers `GET /metrics`; cpu has "
        "the next one, gpu the one after. Reachable from other machines. None: not at all.",
    )
    log_format: Literal["text", "json"] = Field(
        "text",
        description="`text`: lines for people; `json`: an object a line, with the ids of job and "
        "item, for what collects logs.",
    )
    traces_url: _WebAddress | None = Field(
        None,
        examples=["http://collector:4318/v1/traces"],
        description="Where traces go by OpenTelemetry's protocol over HTTP, such as "
        "`http://collector:4318/v1/traces` (the extra `telemetry`). None: nowhere.",
    )
    public_url: str | None = Field(
        None,
        examples=["https://models.example"],
        description="Where the internet reaches this server, such as `https://models.example`. "
        "Providers that can tell us that work is done are asked to; None: we ask them again and "
        "again.",
    )
    server_url: str | None = Field(
        None,
        examples=["http://127.0.0.1:8000"],
        description="Server that the command line talks to. None: it does the work itself.",
    )
    api_key: _Key | None = Field(
        None,
        examples=["i2m_ID_SECRET"],
        description="API key for that server. None: a session, remembered in the data folder.",
    )
    limits: LimitSettings = LimitSettings()
    serve: ServeSettings = ServeSettings()
    compute: ComputeSettings = ComputeSettings()
    retention: RetentionSettings = RetentionSettings()
    budget: BudgetSettings = BudgetSettings()
    webhooks: WebhookSettings = WebhookSettings()
    fetch: FetchSettings = FetchSettings()
    openid: OpenIdSettings = OpenIdSettings()
    fal: FalSettings = FalSettings()
    fal_key: _Key | None = Field(
        None,
        validation_alias="FAL_KEY",
        examples=["ID:SECRET"],
        description="API key of fal.ai. None: not used.",
    )
    fal_key_id: _Key | None = Field(
        None,
        validation_alias="FAL_KEY_ID",
        examples=["ID"],
        description="First half of the key, if given in two.",
    )
    fal_key_secret: _Key | None = Field(
        None,
        validation_alias="FAL_KEY_SECRET",
        examples=["SECRET"],
        description="Second half of the key.",
    )

    @field_validator("public_url", "server_url")
    @classmethod
    def _is_web_address(cls, value: str | None) -> str | None:
        if not value:
            return None
        if _split(_web_address(value)).query:
            raise ValueError("must be the address of a web server, without a query")
        return value.rstrip("/")

    @field_validator("item_hard_limit_s")
    @classmethod
    def _is_above_soft_limit(cls, value: float, info: ValidationInfo) -> float:
        if value <= info.data.get("item_soft_limit_s", 0.0):
            raise ValueError("must be above IMAGE2MODEL_ITEM_SOFT_LIMIT_S")
        return value

    @property
    def is_embedded(self) -> bool:
        """Whether one process does everything; else items go through a queue to workers."""
        return urlsplit(self.queue_url).scheme == "inprocess"

    @property
    def public_host(self) -> str | None:
        """The host name in the public URL; None: there is none."""
        return urlsplit(self.public_url).hostname if self.public_url else None

    @property
    def others_may_come(self) -> bool:
        """
        Whether people at other machines may reach the server, by its address or through a proxy.

        A server on a loopback address that is to answer to another name, believes a proxy, or is
        offered below a path, is reached through one.
        """
        return self.is_announced or bool(self.base_path)

    @property
    def is_announced(self) -> bool:
        """Whether it is said that others shall come: by an address, a name or a proxy."""
        serve = self.serve
        names = {serve.host, self.public_host or serve.host, *serve.allowed_hosts}
        return self.is_behind_proxy or not all(is_loopback(name.strip("[]")) for name in names)

    @property
    def trusts_any_proxy(self) -> bool:
        """Whether a network is named as the proxies' that much of the internet is in."""
        return any(ip_network(name).prefixlen < 7 for name in self.serve.trusted_proxies)

    @property
    def is_behind_proxy(self) -> bool:
        """Whether what a proxy says of its callers counts."""
        return self.serve.behind_proxy or bool(self.serve.trusted_proxies)

    @property
    def believes_any_nearby_proxy(self) -> bool:
        """Whether a proxy in a private network is believed that nobody named."""
        return self.serve.behind_proxy and not self.serve.trusted_proxies

    def limit(self, name: str) -> int | None:
        """Tell a limit of `limits` by its name, with `auto` filled in; None: no limit."""
        given: int | str | None = getattr(self.limits, name)
        if given != "auto":
            return None if given is None else int(given)
        extra = LimitSettings.model_fields[name].json_schema_extra
        assert isinstance(extra, dict)
        return int(str(extra["in_the_open"])) if self.others_may_come else None

    @property
    def base_path(self) -> str:
        """The path below which the server is offered, without a slash at its end; "": none."""
        given = self.serve.base_path
        path = urlsplit(self.public_url or "").path if given is None else given
        return path.rstrip("/")

    @property
    def effective_database_url(self) -> str:
        """The database's URL with the default filled in."""
        return self.database_url or f"sqlite:///{self.data_dir / 'image2model.db'}"

    @property
    def jobs_are_in_redis(self) -> bool:
        """Whether a Redis is the database, and so not only the queue."""
        return urlsplit(self.effective_database_url).scheme in {"redis", "rediss"}

    @property
    def effective_keep_s(self) -> float | None:
        """How long finished jobs whose results we store are kept, with the default filled in."""
        if self.retention.keep_s is None and self.jobs_are_in_redis:
            return self.retention.links_s
        return self.retention.keep_s

    @property
    def effective_storage_url(self) -> str:
        """The storage's URL with the default filled in."""
        return self.storage_url or (self.data_dir / "artifacts").as_uri()

    @property
    def effective_default_generator(self) -> str:
        """The default generator with the default filled in."""
        if self.default_generator:
            return self.default_generator
        paid = "fal/tripo-v2.5"
        return paid if self.effective_fal_key and self.allows(paid) else "local/puff"

    def allows(self, generator: str) -> bool:
        """Tell whether a generator that is listed may be used."""
        patterns = self.allowed_generators
        return patterns is None or any(fnmatchcase(generator, pattern) for pattern in patterns)

    @property
    def anonymous_may_pay(self) -> bool:
        """Whether browsers without an API key may spend money, with the default filled in."""
        if self.budget.anonymous is None:
            return not self.others_may_come
        return self.budget.anonymous == "paid"

    @property
    def effective_fal_key(self) -> str | None:
        """The key of fal.ai, put together if it was given in two halves; None: there is none."""
        if self.fal_key and self.fal_key.get_secret_value():
            return self.fal_key.get_secret_value()
        if self.fal_key_id and self.fal_key_secret:
            return f"{self.fal_key_id.get_secret_value()}:{self.fal_key_secret.get_secret_value()}"
        return None

    def provider_config(self, name: str) -> Mapping[str, str]:
        """
        Collect the settings of the provider *name*, without their prefix and in lower case.

        Those of `fal` are checked above; those of a plug-in are taken as they are. Where there is a
        public URL, `webhook_url` is the address of the provider's webhooks.
        """
        hooks = {"webhook_url": f"{self.public_url}{HOOKS_PATH}/{name}"} if self.public_url else {}
        return {**hooks, **self._own_config(name)}

    def _own_config(self, name: str) -> Mapping[str, str]:
        if name != "fal":
            prefix = _plugin_prefix(name)
            found = ((key.upper(), value) for key, value in os.environ.items())
            return {
                key.removeprefix(prefix).lower(): value
                for key, value in found
                if key.startswith(prefix)
            }
        given = {key: str(value) for key, value in self.fal.model_dump().items() if value}
        key = self.effective_fal_key
        return {**given, "key": key} if key else given


# --- reading them -------------------------------------------------------------------------------


class _Environment(PydanticBaseSettingsSource):
    """
    The variables, each by its whole name and as a text; the word `none` is None.

    pydantic's own source reads lists as JSON and nothing else, fails outside of the validation
    where they are not, and also takes groups as JSON, in which a mistyped name goes unseen.
    """

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Find nothing: `__call__` reads all at once."""
        del field
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Read all variables that are settings."""
        known = {name: path for name, (path, _) in _leaves(Settings, PREFIX, ()).items()}
        found: dict[str, Any] = {}
        for name, text in os.environ.items():
            if (path := known.get(name.upper())) is not None:
                group = found
                for part in path[:-1]:
                    group = group.setdefault(part, {})
                group[path[-1]] = None if text.strip().lower() == "none" else text.strip()
        return found


_HARMLESS = re.compile(
    r"PATH|HOME|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|TEMP|TMP|LD_\w+|DYLD_\w+|MALLOC_\w+"
    # Not PYTHON\w+: a variable of one's own may begin so.
    r"|PYTHON(HOME|PATH|UTF8|HASHSEED|MALLOC|NOUSERSITE|DONTWRITEBYTECODE|PYCACHEPREFIX|WARNINGS)"
    r"|SYSTEMROOT|SYSTEMDRIVE|WINDIR|COMSPEC|PATHEXT|NUMBER_OF_PROCESSORS|PROCESSOR_\w+",
    re.IGNORECASE,
)
"""The variables that a program needs to find its libraries, files and language."""


def harmless_environment() -> Mapping[str, str]:
    """Read what of the environment may be told to a process that decodes files of strangers."""
    return {name: value for name, value in os.environ.items() if _HARMLESS.fullmatch(name)}


def load_settings() -> Settings:
    """
    Read the environment.

    Raises:
        InvalidSetting: A value cannot work, or a budget would not hold because the name of its
            variable is mistyped; names the variable and says why.
    """
    for mistyped in mistyped_variables():
        if mistyped.is_about_money:
            raise InvalidSetting(
                setting=mistyped.name,
                reason=f"is no setting, so no budget would hold. {mistyped.advice}",
            )
    try:
        return Settings()
    except ValidationError as error:
        raise _explained(error) from None


def _explained(error: ValidationError) -> InvalidSetting:
    """Say what is wrong with the first wrong variable; not its value, for it may be secret."""
    by_variable: dict[str, list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False, include_input=False):
        by_variable.setdefault(_variable_at(detail["loc"]), []).append(detail)
    name, details = next(iter(by_variable.items()))
    reasons = list(dict.fromkeys(_reason(detail) for detail in details))
    whole, alternatives = reasons[0], reasons[1:]
    for alternative in alternatives:
        # Of a setting that takes this or that: what each of them must be.
        whole += f" or {alternative.removeprefix('must be ')}"
    return InvalidSetting(setting=name, reason=f"{whole}. Example: {name}={example_of(name)}")


_REASONS: Mapping[str, str] = {
    "bool_parsing": "must be true or false",
    "decimal_parsing": "must be a number",
    "decimal_type": "must be a number",
    "finite_number": "must be a number",
    "float_parsing": "must be a number",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be {ge} or more",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a smaller number",
    "less_than_equal": "must be {le} or less",
    "literal_error": "must be {expected}",
    "value_error": "{error}",
}
"""What pydantic's kinds of errors mean, with their context filled in."""


def _reason(detail: ErrorDetails) -> str:
    if detail["type"].endswith("_type") and detail["type"] not in _REASONS:
        return "cannot be none"
    text = _REASONS.get(detail["type"])
    if text is None:
        return f"cannot be read: {detail['msg'].rstrip('.')}"
    return text.format(**{key: _shown(value) for key, value in detail.get("ctx", {}).items()})


def _shown(value: object) -> str:
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _variable_at(place: tuple[int | str, ...]) -> str:
    """Name the variable of the field at *place*, whose end may be the kind of value expected."""
    known = variables()
    for count in range(len(place), 0, -1):
        path = "__".join(str(part) for part in place[:count]).upper()
        for name in (PREFIX + path, path):
            if name in known:
                return name
    return PREFIX + "__".join(str(part) for part in place).upper()


def variables() -> Mapping[str, FieldInfo]:
    """List every setting by the name of its environment variable."""
    return {name: field for name, (_, field) in _leaves(Settings, PREFIX, ()).items()}


def example_of(variable: str) -> str:
    """Give a value that the setting *variable* may have."""
    field = variables()[variable]
    if field.examples:
        return str(field.examples[0])
    default = field.default
    assert default not in {None, PydanticUndefined}, variable
    return str(default).lower() if isinstance(default, bool) else _shown(default)


def _leaves(
    group: type[BaseModel], prefix: str, path: tuple[str, ...]
) -> dict[str, tuple[tuple[str, ...], FieldInfo]]:
    """Find every setting below *group*: by its variable, where it is and what it is."""
    found: dict[str, tuple[tuple[str, ...], FieldInfo]] = {}
    for name, field in group.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found |= _leaves(kind, f"{prefix}{name.upper()}__", (*path, name))
        elif field.validation_alias:
            alias = str(field.validation_alias)
            found[alias] = ((*path, alias), field)
        else:
            found[f"{prefix}{name.upper()}"] = ((*path, name), field)
    return found


# --- names that are mistyped --------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class MistypedVariable:
    """
    A variable that looks like a setting and is none.

    Attributes:
        name: Its name, as it is in the environment.
        meant: The setting that was probably meant; None: nobody knows.
    """

    name: str
    meant: str | None

    @property
    def advice(self) -> str:
        """What to do about it, as a sentence."""
        return f"Did you mean {self.meant}?" if self.meant else "Remove it."

    @property
    def is_about_money(self) -> bool:
        """Whether somebody may believe that it limits what is spent."""
        return any(_OF_MONEY.search(name.upper()) for name in (self.name, self.meant or ""))


_OF_MONEY = re.compile("BUDGET|USD|COST|SPEND|DOLLAR|MONEY")

_ALMOST: Mapping[str, float] = {"IMAGE": 0.85, "FAL_": 0.75}
"""How similar a name that begins so, and not with our prefix, must be to be taken for ours."""

_OF_KUBERNETES = re.compile(r".*_SERVICE_(HOST|PORT(_\w+)?)|.*_PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?")
"""Variables that Kubernetes makes of a service called `image2model…`."""


def present_variables() -> Sequence[str]:
    """Name the variables of the environment that are settings."""
    known = variables()
    return sorted(name for name in os.environ if name.upper() in known)


def warn_of_variables(settings: Settings) -> Sequence[str]:
    """Say in a line each what was set and has no effect."""
    lines = []
    if mistyped := mistyped_variables():
        told = ", ".join(
            f"{one.name} (did you mean {one.meant}?)" if one.meant else one.name for one in mistyped
        )
        lines.append(f"Not a setting, and without effect: {told}")
    if settings.effective_fal_key is None and (settings.fal_key_id or settings.fal_key_secret):
        lines.append("FAL_KEY_ID and FAL_KEY_SECRET are one key: without both, fal.ai is not used")
    if settings.storage_endpoint_url and urlsplit(settings.effective_storage_url).scheme != "s3":
        lines.append("IMAGE2MODEL_STORAGE_ENDPOINT_URL has no effect without s3:// as the storage")
    return lines


def mistyped_variables() -> Sequence[MistypedVariable]:
    """Find the variables of the environment that look like settings and are none, by name."""
    known = variables()
    plugins = {_plugin_prefix(name) for name in _plugin_names()}
    return [
        MistypedVariable(name=name, meant=meant)
        for name in sorted(os.environ)
        if name.upper() not in known
        if (meant := _meant(name.upper(), known, plugins)) != _NOT_OURS
    ]


_NOT_OURS = ""
"""What a variable was meant to be that has nothing to do with us."""


def _meant(name: str, known: Collection[str], plugins: Collection[str]) -> str | None:
    """Tell which setting *name* is a mistyped one of; None: nobody knows; "": none of ours."""
    if not name.startswith(PREFIX):
        cutoff = next((_ALMOST[start] for start in _ALMOST if name.startswith(start)), 1.0)
        close = difflib.get_close_matches(name, known, n=1, cutoff=cutoff)
        return close[0] if close else _NOT_OURS
    group = f"{name.partition('__')[0]}__"
    if group in plugins and not any(variable.startswith(group) for variable in known):
        return _NOT_OURS
    if _OF_KUBERNETES.fullmatch(name) and _is_of_kubernetes(name):
        return _NOT_OURS
    own = [variable.removeprefix(PREFIX) for variable in known if variable.startswith(PREFIX)]
    meant = closest_name(name.removeprefix(PREFIX), own, like=0.7)
    return meant and PREFIX + meant


def _is_of_kubernetes(name: str) -> bool:
    value = os.environ.get(name, "")
    return "_SERVICE_" in name or "_PORT_" in name or "://" in value


def _plugin_names() -> set[str]:
    return {entry.name for entry in entry_points(group=PROVIDER_GROUP)} - _BUILT_IN_PROVIDERS


def _plugin_prefix(name: str) -> str:
    """Begin the names of a plug-in's variables; shells take letters, digits and underscores."""
    return f"{PREFIX}{re.sub(r'[^A-Za-z0-9]', '_', name).upper()}__"
