"""Every setting of the product; the only place that reads the environment."""

import os
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import platformdirs
from pydantic import (
    BaseModel,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from image2model.core.errors import InvalidSetting

PREFIX = "IMAGE2MODEL_"
HOOKS_PATH = "/api/v1/hooks"
"""Below it, by name, providers tell us that work is done."""

_FOREIGN_NAMES = frozenset({"FAL_KEY", "FAL_KEY_ID", "FAL_KEY_SECRET"})
"""Variables that fal's own tools read as well, and so have no prefix."""


class LimitSettings(BaseModel):
    """What one caller may send. `IMAGE2MODEL_LIMITS__…`."""

    items_per_job: int = Field(
        25, ge=1, le=500, description="Items of one job. 25 keeps a page and a bill easy to follow."
    )
    picture_bytes: int = Field(
        25_000_000, ge=1_000, description="Bytes of one picture: a 24-megapixel JPEG fits easily."
    )
    picture_pixels: int = Field(
        50_000_000,
        ge=10_000,
        description="Pixels of one picture; refused before decoding. 50 million take 200 MB.",
    )
    result_bytes: int = Field(
        500_000_000, ge=1_000, description="Bytes of one file of a result that is kept."
    )
    unfinished_jobs_per_owner: int = Field(
        100, ge=1, description="Drafts, running and paused jobs of one browser session or key."
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


class ServeSettings(BaseModel):
    """How the web server listens. `IMAGE2MODEL_SERVE__…`."""

    host: str = Field("127.0.0.1", description="Address to bind; this machine only by default.")
    port: int = Field(8000, ge=0, le=65_535, description="TCP port; 0: any free one.")
    access: Literal["sessions", "keys"] | None = Field(
        None,
        description="Who may create jobs: `sessions`: every browser that can reach the server, "
        "each seeing its own jobs; `keys`: only callers with an API key. None: `sessions` on a "
        "loopback address; on any other the server refuses to start until this is set.",
    )
    allowed_hosts: list[str] = Field(
        default_factory=list,
        description="Host names the server answers to, as a JSON list, besides loopback ones; "
        "protects browsers from DNS rebinding.",
    )
    behind_proxy: bool = Field(
        False,
        description="Believe X-Forwarded-Proto and X-Forwarded-For: only behind a proxy that "
        "sets them.",
    )


class ComputeSettings(BaseModel):
    """The processes that compute. `IMAGE2MODEL_COMPUTE__…`."""

    workers: int | None = Field(
        None, ge=1, description="Processes; None: one for each core this process may use."
    )
    memory_bytes: int | None = Field(
        4_000_000_000,
        ge=500_000_000,
        description="Address space of one process; None: no limit. A picture of 50 megapixels "
        "needs under 2 GB.",
    )
    limit_s: float = Field(
        120.0, gt=0, description="Longest single computation in seconds; then it is stopped."
    )

    @property
    def processes(self) -> int:
        """How many processes, with the default filled in."""
        return self.workers or len(os.sched_getaffinity(0))


class RetentionSettings(BaseModel):
    """How long things are kept, in seconds. `IMAGE2MODEL_RETENTION__…`."""

    keep_s: float | None = Field(
        None,
        gt=0,
        description="Finished jobs whose results we store. None: until somebody deletes them, "
        "for a result must not vanish by itself; with jobs in Redis, whose memory is small, as "
        "long as `IMAGE2MODEL_RETENTION__LINKS_S` says.",
    )
    links_s: float = Field(
        86_400.0, gt=0, description="Finished jobs of which only the provider's URLs are known."
    )
    draft_s: float = Field(86_400.0, gt=0, description="Drafts that nobody touches.")


class BudgetSettings(BaseModel):
    """What may be spent. `IMAGE2MODEL_BUDGET__…`."""

    day_usd: Decimal | None = Field(
        None, ge=0, description="US dollars in any 24 hours, all jobs together; None: no limit."
    )


class FetchSettings(BaseModel):
    """What is read from URLs that others wrote. `IMAGE2MODEL_FETCH__…`."""

    allowed_private_hosts: str = Field(
        "",
        description="Hosts, separated by commas, each `host` or `host:port`, that may be private "
        "or plain http: a gateway or a simulator of yours. Everything else must be public https.",
    )

    @property
    def private_hosts(self) -> Sequence[str]:
        """The hosts as a list."""
        parts = (part.strip() for part in self.allowed_private_hosts.split(","))
        return [part for part in parts if part]


class FalSettings(BaseModel):
    """How fal.ai is used. `IMAGE2MODEL_FAL__…`; the key is `FAL_KEY`."""

    queue_url: str = Field(
        "https://queue.fal.run", description="Queue. Plain http is accepted for loopback only."
    )
    rest_url: str = Field("https://rest.fal.ai", description="Upload tokens and webhook keys.")
    cdn_url: str = Field("https://v3.fal.media", description="Where pictures are uploaded to.")
    api_url: str = Field(
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


class Settings(BaseSettings):
    """
    All settings, from the environment.

    `IMAGE2MODEL_DATA_DIR=/srv/i2m` sets `data_dir`; two underscores lead into a group:
    `IMAGE2MODEL_LIMITS__ITEMS_PER_JOB=100`. The word `none` is None, for what has a default.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_parse_none_str="none",
        extra="ignore",
        frozen=True,
    )

    data_dir: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("image2model", appauthor=False)),
        description="Folder of everything that is kept; nothing is written elsewhere.",
    )
    database_url: str | None = Field(
        None,
        description="Jobs and the ledger: a SQLite file; for more than one process "
        "(`image2model[scaled]`) `postgresql://USER:PASSWORD@HOST/NAME`, or "
        "`redis://:PASSWORD@HOST/NUMBER`, which keeps finished jobs for a time only. None: "
        "`sqlite:///<data_dir>/image2model.db`.",
    )
    queue_url: str = Field(
        "inprocess://",
        description="How items reach their workers: `redis://[:PASSWORD@]HOST:PORT/NUMBER`, or "
        "another broker of Celery's, with `image2model worker` processes "
        "(`image2model[scaled]`); `inprocess://`: no queue, one process does everything.",
    )
    storage_url: str | None = Field(
        None,
        description="Pictures and results: `file:///FOLDER`, `s3://BUCKET/PREFIX`, "
        "`gs://BUCKET/PREFIX` or `az://CONTAINER/PREFIX`. None: `file://<data_dir>/artifacts`.",
    )
    storage_endpoint_url: str | None = Field(
        None,
        description="Where the store of `s3://…` lives if it is not Amazon's, such as "
        "`https://minio.example.org:9000`.",
        pattern="^https?://",
    )
    default_generator: str | None = Field(
        None,
        description="Used when a job names none. None: `fal/tripo-v2.5` if `FAL_KEY` is set, "
        "else `local/puff`.",
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
        description="Port at which a worker of the queue network answers `GET /metrics`; cpu has "
        "the next one, gpu the one after. Reachable from other machines. None: not at all.",
    )
    log_format: Literal["text", "json"] = Field(
        "text",
        description="`text`: lines for people; `json`: an object a line, with the ids of job and "
        "item, for what collects logs.",
    )
    traces_url: str | None = Field(
        None,
        description="Where traces go by OpenTelemetry's protocol over HTTP, such as "
        "`http://collector:4318/v1/traces` (`image2model[telemetry]`). None: nowhere.",
        pattern="^https?://",
    )
    public_url: str | None = Field(
        None,
        description="Where the internet reaches this server, such as `https://models.example`. "
        "Providers that can tell us that work is done are asked to; None: we ask them again and "
        "again.",
    )
    server_url: str | None = Field(
        None,
        description="Server that the command line talks to. None: it does the work itself.",
    )
    api_key: SecretStr | None = Field(
        None,
        description="API key for that server. None: a session, remembered in the data folder.",
    )
    limits: LimitSettings = LimitSettings()
    serve: ServeSettings = ServeSettings()
    compute: ComputeSettings = ComputeSettings()
    retention: RetentionSettings = RetentionSettings()
    budget: BudgetSettings = BudgetSettings()
    fetch: FetchSettings = FetchSettings()
    fal: FalSettings = FalSettings()
    fal_key: SecretStr | None = Field(
        None, validation_alias="FAL_KEY", description="API key of fal.ai. None: not used."
    )
    fal_key_id: SecretStr | None = Field(
        None, validation_alias="FAL_KEY_ID", description="First half of the key, if given in two."
    )
    fal_key_secret: SecretStr | None = Field(
        None, validation_alias="FAL_KEY_SECRET", description="Second half of the key."
    )

    @field_validator("public_url")
    @classmethod
    def _is_web_address(cls, value: str | None) -> str | None:
        if not value:
            return None
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query:
            raise ValueError("must be the address of a web server, such as https://models.example")
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
        return self.storage_url or f"file://{self.data_dir / 'artifacts'}"

    @property
    def effective_default_generator(self) -> str:
        """The default generator with the default filled in."""
        if self.default_generator:
            return self.default_generator
        return "fal/tripo-v2.5" if self.effective_fal_key else "local/puff"

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
            prefix = f"{PREFIX}{name.upper()}__"
            found = ((key.upper(), value) for key, value in os.environ.items())
            return {
                key.removeprefix(prefix).lower(): value
                for key, value in found
                if key.startswith(prefix)
            }
        given = {key: str(value) for key, value in self.fal.model_dump().items() if value}
        key = self.effective_fal_key
        return {**given, "key": key} if key else given


def load_settings() -> Settings:
    """
    Read the environment.

    Raises:
        InvalidSetting: A value cannot work; names the variable and says why.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        path = "__".join(str(part) for part in first["loc"]).upper()
        variable = path if path in _FOREIGN_NAMES else PREFIX + path
        raise InvalidSetting(setting=variable, reason=first["msg"]) from error


def variables() -> Mapping[str, FieldInfo]:
    """List every setting by the name of its environment variable."""
    return dict(_variables(Settings, PREFIX))


def _variables(group: type[BaseModel], prefix: str) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in group.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _variables(kind, f"{prefix}{name.upper()}__")
        else:
            yield str(field.validation_alias or f"{prefix}{name.upper()}"), field


def present_variables() -> Sequence[str]:
    """Name the variables of the environment that look like settings, known or not."""
    return sorted(name for name in os.environ if name.upper().startswith(PREFIX))
