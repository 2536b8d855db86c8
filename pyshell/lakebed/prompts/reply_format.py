"""The format of replies: JSON, or JSON of a schema. Replies are checked here, because models and servers do not always
follow it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lakebed._packages import required
from lakebed.errors import InvalidArgument, ReplyInvalid


class ReplyFormat:
    """The format that replies must have: "json", or a JSON schema. Raises `InvalidArgument` for anything else."""

    def __init__(self, format: str | Mapping[str, Any]) -> None:
        self.requested = format
        """The format as Ollama receives it."""
        self._validator: Any = None
        if format == "json":
            return
        if not isinstance(format, Mapping):
            message = f'A schema is a JSON schema object, or "json" for any JSON, not {format!r}.'
            raise InvalidArgument(message)
        with required():
            from jsonschema import SchemaError, validators
        from referencing import Registry

        cls = validators.validator_for(format, default=validators.Draft202012Validator)
        try:
            cls.check_schema(format)
        except SchemaError as error:
            message = f"The schema is no valid JSON schema: {error.message} (at {error.json_path})."
            raise InvalidArgument(message) from error
        # An empty registry: a reference in the schema is never fetched.
        self._validator = cls(format, registry=Registry())

    def value(self, text: str, *, cut: bool) -> Any:
        """The value of a reply. `cut`: a limit stopped the model. Raises `ReplyInvalid`, which says what is wrong."""
        why = " The model was stopped by num_predict or its context." if cut else ""
        try:
            value = json.loads(text, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            message = f"The reply is no JSON, which it was asked to be: {error}.{why}"
            raise ReplyInvalid(message) from None
        if self._validator is not None:
            from jsonschema.exceptions import best_match
            from referencing.exceptions import Unresolvable

            try:
                wrong = best_match(self._validator.iter_errors(value))
            except Unresolvable as error:
                message = f"The schema refers to {error.ref!r}, which is not in it; nothing is fetched."
                raise InvalidArgument(message) from None
            if wrong is not None:
                message = f"The reply is not of the schema: {wrong.message} (at {wrong.json_path}).{why}"
                raise ReplyInvalid(message)
        return value


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def read_schema(path: str) -> str | Mapping[str, Any]:
    """The schema in a file; the path `json` means any JSON. Raises `InvalidArgument`."""
    if path == "json":
        return path
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        message = f"The schema {path} cannot be read: {error.strerror or error}."
        raise InvalidArgument(message) from error
    except ValueError as error:
        message = f"The schema {path} is no JSON: {error}."
        raise InvalidArgument(message) from error
    if not isinstance(value, dict):
        message = f"The schema {path} is no JSON object."
        raise InvalidArgument(message)
    return value
