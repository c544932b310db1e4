"""The settings as a whole; the descriptions feed the JSON Schema."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import Field, PrivateAttr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from hotfolder.config.items import Items, OwnTagItems, Variants
from hotfolder.config.sections import (
    Api,
    Deliver,
    Folder,
    Keep,
    Limits,
    Log,
    Notify,
    Schedule,
    Settle,
    Web,
)
from hotfolder.rules.prices import Prices
from hotfolder.rules.routes import Frozen, HdrChoices, RouteBase, SinglePhoto


class RouteSettings(RouteBase):
    """A rule: which sets it is for, and what happens to them. The first route that matches wins."""

    operations: Items = Field(
        default=(), description="What is done after the merge, in this order. A folder's own tags win."
    )
    variants: Variants = Field(
        default={},
        description="Several looks of one merge, by name, each with what is done for it after `operations`."
        " A folder's own tags win.",
    )


Routes = tuple[RouteSettings, ...]
OwnTags = dict[str, OwnTagItems]


class InboxSettings(Frozen):
    """One inbox of several. Its own routes are tried before the general ones, and its own tags win."""

    path: Folder = Field(description="The inbox's folder, relative to root.")
    name: Folder | None = Field(default=None, description="A name for people; the folder's name if left out.")
    routes: Routes = Field(
        default=(), description="Routes for this inbox alone, tried before the general ones."
    )
    tags: OwnTags = Field(default={}, description="Own tags for this inbox alone.")

    @property
    def title(self) -> str:
        """The inbox's name for people."""
        return self.name or Path(self.path).name or self.path


class Settings(BaseSettings):
    """All settings. Made by `hotfolder.config.load.load`, which also makes `root` and `key_file` absolute."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, title="hotfolder"
    )

    _warnings: tuple[str, ...] = PrivateAttr(default=())

    root: Folder = Field(
        description="The folder that holds all others; relative to this file. It must exist."
    )
    inbox: Folder = Field(default="inbox", description="Where photographers drop folders; relative to root.")
    inboxes: tuple[InboxSettings, ...] = Field(default=(), description="Several inboxes, instead of inbox.")
    done: Folder = Field(default="done", description="Where finished pictures appear; relative to root.")
    failed: Folder = Field(default="failed", description="Where refused folders go; relative to root.")
    archive: Folder | None = Field(
        default=None,
        description="Where originals go under `originals: archive`; relative to root. It may be on another"
        " disk, and must exist.",
    )
    state: Folder = Field(
        default="state", description="Where hotfolder remembers its work, on a local disk; relative to root."
    )
    api: Api = Field(default=Api(), description="How the API is reached.")
    settle: Settle = Field(default=Settle(), description="When a folder counts as completely copied.")
    limits: Limits = Field(default=Limits(), description="How much happens at once.")
    schedule: Schedule = Field(default=Schedule(), description="When photos are sent.")
    prices: Prices = Field(
        default=Prices(), description="What paid calls cost, so that money is shown; left out: none is."
    )
    deliver: Deliver = Field(default=Deliver(), description="What is delivered, and under which names.")
    keep: Keep = Field(default=Keep(), description="For how many days things are kept.")
    web: Web = Field(default=Web(), description="Pages for health checks and for Prometheus.")
    notify: Notify = Field(default=Notify(), description="Who is told what happened.")
    log: Log = Field(default=Log(), description="What the daemon says while it runs.")
    hdr: HdrChoices = Field(
        default=HdrChoices(), description="What every merge corrects; all are on by default."
    )
    single_photo: SinglePhoto = Field(
        default=SinglePhoto.MERGE,
        description="One photo alone without operations: merge sends it through the merge,"
        " refuse turns it away.",
    )
    tags: OwnTags = Field(default={}, description="Own tags: a name, and the operations it stands for.")
    routes: Routes = Field(
        default=(), description="Rules by project, room, tag and photos; the first match wins."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # The file and the environment are merged before, where each value's place is still known.
        return (init_settings,)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was accepted and should be changed, each with its place. Not a setting."""
        return self._warnings

    def set_warnings(self, warnings: Iterable[object]) -> None:
        self._warnings = tuple(map(str, warnings))

    def all_inboxes(self) -> tuple[InboxSettings, ...]:
        """Every inbox, also when there is only the one of `inbox`."""
        return self.inboxes or (InboxSettings(path=self.inbox),)

    def inbox_folder(self, inbox: InboxSettings | None = None) -> Path:
        """The absolute path of an inbox; of the first one when none is given."""
        return Path(self.root, (inbox or self.all_inboxes()[0]).path)

    @property
    def root_folder(self) -> Path:
        return Path(self.root)

    @property
    def done_folder(self) -> Path:
        return Path(self.root, self.done)

    @property
    def failed_folder(self) -> Path:
        return Path(self.root, self.failed)

    @property
    def archive_folder(self) -> Path | None:
        return Path(self.root, self.archive) if self.archive else None

    @property
    def state_folder(self) -> Path:
        return Path(self.root, self.state)
