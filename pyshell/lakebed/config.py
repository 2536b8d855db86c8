"""Settings of the command line: where each may be set, and where its value came from.

A flag goes before an environment variable (`LAKEBED_FORMAT`), that before the project's file (`lakebed.toml` in this directory or one
above), that before the user's file, that before the default.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lakebed.errors import InvalidArgument

PROJECT_FILE = "lakebed.toml"
DEFAULT_STORE = "data.lakebed"


class Settings(BaseModel):
    """What can be set."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    store: str = Field(DEFAULT_STORE, min_length=1, description="the store's directory")
    format: Literal["auto", "table", "vertical", "json", "ndjson", "csv", "markdown", "parquet"] = Field(
        "auto", description="how results are written; auto is a table on a terminal and ndjson in a pipe"
    )
    color: Literal["auto", "always", "never"] = Field(
        "auto", description="auto is: on a terminal, unless NO_COLOR is set"
    )
    rows: int = Field(40, ge=0, description="rows a table shows; 0 shows all")
    null: str = Field("NULL", description="how NULL looks in tables")
    timing: bool = Field(True, description="whether the shell says how long a statement took")
    pager: Literal["auto", "off"] = Field(
        "auto", description="whether the shell hands what is longer than the screen to $PAGER (less)"
    )
    keys: Literal["emacs", "vi"] = Field("emacs", description="the keys that edit a line in the shell")
    lock_timeout: float = Field(10.0, ge=0, description="seconds to wait for another process that writes the store")
    cache_bytes: int = Field(64 << 20, ge=0, description="memory for decompressed data")


class Value(NamedTuple):
    """A setting and where it came from."""

    value: object
    origin: str


class Loaded(NamedTuple):
    """All settings, the origin of each, and the files that were looked for."""

    settings: Settings
    origins: dict[str, str]
    files: list[Path]

    def values(self) -> dict[str, Value]:
        """Every setting with its origin."""
        return {name: Value(getattr(self.settings, name), self.origins[name]) for name in Settings.model_fields}


def user_file(environ: Mapping[str, str]) -> Path:
    """The user's file: `$LAKEBED_CONFIG`, or `config.toml` in the directory the platform has for settings."""
    if environ.get("LAKEBED_CONFIG"):
        return Path(environ["LAKEBED_CONFIG"])
    from platformdirs import user_config_path

    return user_config_path("lakebed", appauthor=False) / "config.toml"


def project_file(directory: Path) -> Path | None:
    """The nearest project file, in this directory or above."""
    return next(
        (place / PROJECT_FILE for place in (directory, *directory.parents) if (place / PROJECT_FILE).is_file()), None
    )


def load(
    flags: Mapping[str, object] | None = None, environ: Mapping[str, str] | None = None, directory: Path | None = None
) -> Loaded:
    """The settings as they apply in this directory. `flags` are those given; None means not given."""
    environ = os.environ if environ is None else environ
    directory = Path.cwd() if directory is None else directory
    layers: list[tuple[str, dict[str, object]]] = []
    files = [user_file(environ)]
    if (user := _read(files[0])) is not None:
        layers.append((str(files[0]), user))
    if (path := project_file(directory)) is not None:
        files.append(path)
        project = _read(path) or {}
        if isinstance(project.get("store"), str):
            # A path in a file is meant from where the file is.
            project["store"] = str(path.parent / str(project["store"]))
        layers.append((str(path), project))
    for name in Settings.model_fields:
        variable = f"LAKEBED_{name.upper()}"
        if environ.get(variable):
            layers.append((f"${variable}", {name: environ[variable]}))
    layers.append(("flag", {name: value for name, value in (flags or {}).items() if value is not None}))

    values: dict[str, object] = {}
    origins = dict.fromkeys(Settings.model_fields, "default")
    for origin, layer in layers:
        for name, value in layer.items():
            _checked(name, value, origin)
            values[name], origins[name] = value, origin
    return Loaded(Settings.model_validate(values), origins, files)


def _read(path: Path) -> dict[str, object] | None:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        message = f"The settings file {path} cannot be read: {error.strerror}."
        raise InvalidArgument(message) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"The settings file {path} is not valid TOML: {error}."
        raise InvalidArgument(message) from error


def _checked(name: str, value: object, origin: str) -> None:
    """Refuses unknown names, with the near one, and values outside their domain, with where they stand."""
    if name not in Settings.model_fields:
        near = difflib.get_close_matches(name, Settings.model_fields, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(Settings.model_fields)}."
        message = f"{origin}: there is no setting {name!r}; {hint}"
        raise InvalidArgument(message)
    try:
        Settings.model_validate({name: value})
    except ValidationError as error:
        first: Any = error.errors()[0]
        message = f"{origin}: the setting {name!r} cannot be {value!r}: {first['msg']}."
        raise InvalidArgument(message) from error
