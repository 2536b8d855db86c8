"""Settings of the command line, and the origin of each value.

In order of precedence: flags, environment variables (`LAKEBED_FORMAT`), the project's file (`lakebed.toml` in this
directory or one above), the user's file, defaults.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_type_hints

from lakebed.errors import InvalidArgument

if TYPE_CHECKING:
    from pydantic import BaseModel

PROJECT_FILE = "lakebed.toml"
DEFAULT_STORE = "data.lakebed"


def _setting(default: Any, help: str, **limits: object) -> Any:
    """A setting: its default, its description, and its limits as pydantic names them."""
    return field(default=default, metadata={"help": help, "limits": limits})


@dataclass(frozen=True)
class Settings:
    """The settings. A dataclass, so that the shell starts without pydantic where nothing is set."""

    store: str = _setting(DEFAULT_STORE, "the store's directory", min_length=1)
    format: Literal[
        "auto",
        "table",
        "vertical",
        "json",
        "ndjson",
        "csv",
        "tsv",
        "markdown",
        "html",
        "parquet",
        "arrow",
        "xlsx",
        "chart",
    ] = _setting("auto", "the format of results; auto is a table on a terminal and ndjson in a pipe")
    color: Literal["auto", "always", "never"] = _setting("auto", "auto is: on a terminal, unless NO_COLOR is set")
    rows: int = _setting(40, "rows a table shows; 0 shows all", ge=0)
    null: str = _setting("NULL", "the text for NULL in tables")
    timing: bool = _setting(True, "whether the shell shows how long a statement took")
    pager: Literal["auto", "off"] = _setting(
        "auto", "whether output that is longer than the screen goes through $PAGER (less)"
    )
    keys: Literal["emacs", "vi"] = _setting("emacs", "key bindings of the shell")
    theme: Literal["auto", "dark", "light"] = _setting("auto", "the background that the shell's colors are for")
    lock_timeout: float = _setting(10.0, "seconds to wait for another process that writes the store", ge=0)
    cache_bytes: int = _setting(64 << 20, "memory for decompressed data", ge=0)
    compact: Literal["manual", "automatic"] = _setting(
        "manual", "automatic: drop, trim, delete and ingest compact the store when enough of it can go"
    )
    compact_share: float = _setting(0.5, "enough is this part of the segments", ge=0, le=1)
    compact_bytes: int = _setting(64 << 20, "and at least so many bytes", ge=0)


TRUSTED = frozenset({"store"})
"""Settings that name a place or a program: in a project's file they count only if the user or root owns the file."""

HELP: dict[str, str] = {one.name: one.metadata["help"] for one in fields(Settings)}
"""The description of each setting."""


@cache
def _model() -> type[BaseModel]:
    """The settings as a pydantic model, which checks them."""
    from pydantic import ConfigDict, Field, create_model

    types = get_type_hints(Settings)
    known: dict[str, Any] = {
        one.name: (types[one.name], Field(one.default, **one.metadata["limits"])) for one in fields(Settings)
    }
    return create_model("Settings", __config__=ConfigDict(extra="forbid", validate_default=True), **known)


class Value(NamedTuple):
    """The value of a setting and its origin."""

    value: object
    origin: str


class Loaded(NamedTuple):
    """All settings, the origin of each, and the settings files, which may not exist."""

    settings: Settings
    origins: dict[str, str]
    files: list[Path]
    notes: tuple[str, ...] = ()
    """What the user is to know, such as settings that do not count."""

    def values(self) -> dict[str, Value]:
        """Every setting with its origin."""
        return {name: Value(getattr(self.settings, name), self.origins[name]) for name in HELP}


def user_file(environ: Mapping[str, str]) -> Path:
    """The user's file: `$LAKEBED_CONFIG`, else `config.toml` in the platform's directory for settings."""
    if environ.get("LAKEBED_CONFIG"):
        return Path(environ["LAKEBED_CONFIG"])
    from platformdirs import user_config_path

    return user_config_path("lakebed", appauthor=False) / "config.toml"


def project_file(directory: Path) -> Path | None:
    """The nearest project file, in this directory or above; None when there is none."""
    return next(
        (place / PROJECT_FILE for place in (directory, *directory.parents) if (place / PROJECT_FILE).is_file()), None
    )


def load(
    flags: Mapping[str, object] | None = None, environ: Mapping[str, str] | None = None, directory: Path | None = None
) -> Loaded:
    """The settings for a directory (default: the current one). A flag that is None is not given.

    Raises `InvalidArgument` for an unknown setting, an invalid value, and a file that cannot be read.
    """
    environ = os.environ if environ is None else environ
    directory = Path.cwd() if directory is None else directory
    layers: list[tuple[str, dict[str, object]]] = []
    files = [user_file(environ)]
    notes: list[str] = []
    if (user := _read_file(files[0])) is not None:
        layers.append((str(files[0]), user))
    if (path := project_file(directory)) is not None:
        files.append(path)
        project = _read_file(path) or {}
        if (owner := _foreign_owner(path)) is not None:
            # Another user could have data go into a store of their own.
            for name in TRUSTED & project.keys():
                del project[name]
                notes.append(
                    f"note: the setting {name!r} of {path} does not count, because the file belongs to user {owner}, who is "
                    "neither you nor root"
                )
        if isinstance(project.get("store"), str):
            # A path in a settings file is relative to that file.
            project["store"] = str(path.parent / str(project["store"]))
        layers.append((str(path), project))
    for name in HELP:
        variable = f"LAKEBED_{name.upper()}"
        if environ.get(variable):
            layers.append((f"${variable}", {name: environ[variable]}))
    layers.append(("flag", {name: value for name, value in (flags or {}).items() if value is not None}))

    values: dict[str, object] = {}
    origins = dict.fromkeys(HELP, "default")
    for origin, layer in layers:
        for name, value in layer.items():
            _check(name, value, origin)
            values[name], origins[name] = value, origin
    if all(origin in ("default", "flag") for origin in origins.values()):
        # Flags have been checked when they were parsed.
        return Loaded(Settings(**values), origins, files, tuple(notes))  # type: ignore[arg-type]
    return Loaded(Settings(**_model().model_validate(values).model_dump()), origins, files, tuple(notes))


def _foreign_owner(path: Path) -> str | None:
    """The owner of a file, or of a link to it, who is neither this user nor root; None where there is none."""
    if not hasattr(os, "geteuid"):
        return None
    for owner in (path.lstat().st_uid, path.stat().st_uid):
        if owner not in (0, os.geteuid()):
            try:
                import pwd

                return pwd.getpwuid(owner).pw_name
            except (ImportError, KeyError):
                return str(owner)
    return None


def checked(name: str, text: str) -> object:
    """The value that a text is for a setting.

    Raises `InvalidArgument` for an unknown setting and an invalid value.
    """
    _check(name, text, "set")
    return getattr(_model().model_validate({name: text}), name)


def _read_file(path: Path) -> dict[str, object] | None:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        message = f"The settings file {path} is not UTF-8 text: {error}."
        raise InvalidArgument(message) from error
    except OSError as error:
        message = f"The settings file {path} cannot be read: {error.strerror}."
        raise InvalidArgument(message) from error
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = f"The settings file {path} is not valid TOML: {error}."
        raise InvalidArgument(message) from error


def _check(name: str, value: object, origin: str) -> None:
    """Raises `InvalidArgument` for an unknown name or an invalid value, with the origin."""
    if name not in HELP:
        import difflib

        similar = difflib.get_close_matches(name, HELP, n=1)
        hint = f"did you mean {similar[0]!r}?" if similar else f"there are {', '.join(HELP)}."
        message = f"{origin}: there is no setting {name!r}; {hint}"
        raise InvalidArgument(message)
    if origin == "flag" and value:
        return
    from pydantic import ValidationError

    try:
        _model().model_validate({name: value})
    except ValidationError as error:
        first: Any = error.errors()[0]
        place = f"--{name}" if origin == "flag" else origin
        message = f"{place}: the setting {name!r} cannot be {value!r}: {first['msg']}."
        raise InvalidArgument(message) from error
