"""Every setting of the product; the only place that reads the environment."""

import os
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import BaseModel, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from image2model.core.errors import InvalidSetting

PREFIX = "IMAGE2MODEL_"


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


class RetentionSettings(BaseModel):
    """How long things are kept, in seconds. `IMAGE2MODEL_RETENTION__…`."""

    keep_s: float | None = Field(
        None,
        gt=0,
        description="Finished jobs whose results we store. None: until somebody deletes them, "
        "for a result must not vanish by itself.",
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


class Settings(BaseSettings):
    """
    All settings, from the environment.

    `IMAGE2MODEL_DATA_DIR=/srv/i2m` sets `data_dir`; two underscores lead into a group:
    `IMAGE2MODEL_LIMITS__ITEMS_PER_JOB=100`.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="ignore", frozen=True
    )

    data_dir: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("image2model", appauthor=False)),
        description="Folder of everything that is kept; nothing is written elsewhere.",
    )
    database_url: str | None = Field(
        None, description="Jobs and the ledger. None: `sqlite:///<data_dir>/image2model.db`."
    )
    queue_url: str = Field(
        "inprocess://", description="How items reach their workers; `inprocess://`: no queue."
    )
    storage_url: str | None = Field(
        None, description="Pictures and results. None: `file://<data_dir>/artifacts`."
    )
    default_generator: str | None = Field(
        None, description="Used when a job names none. None: `local/puff`."
    )
    keep: Literal["keep", "links"] = Field(
        "keep",
        description="`keep`: copy results into our storage; `links`: remember provider URLs only.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "warning", description="The least severe messages written to standard error."
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

    @property
    def effective_database_url(self) -> str:
        """The database's URL with the default filled in."""
        return self.database_url or f"sqlite:///{self.data_dir / 'image2model.db'}"

    @property
    def effective_storage_url(self) -> str:
        """The storage's URL with the default filled in."""
        return self.storage_url or f"file://{self.data_dir / 'artifacts'}"

    @property
    def effective_default_generator(self) -> str:
        """The default generator with the default filled in."""
        return self.default_generator or "local/puff"


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
        variable = PREFIX + "__".join(str(part) for part in first["loc"]).upper()
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
            yield f"{prefix}{name.upper()}", field


def present_variables() -> Sequence[str]:
    """Name the variables of the environment that look like settings, known or not."""
    return sorted(name for name in os.environ if name.upper().startswith(PREFIX))


def is_loopback(host: str) -> bool:
    """Tell whether binding *host* is reachable from this machine only."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
