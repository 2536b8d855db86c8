"""The context of verbs in the shell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lakebed._cli.environment.context import Context
from lakebed._cli.shell.progress_line import ProgressLine
from lakebed._file_formats import BINARY

if TYPE_CHECKING:
    from lakebed._cli.environment.config import Settings


class ShellContext(Context):
    """A context whose format can be chosen, and whose output removes the progress line first."""

    chosen_format: str | None = None
    """The format chosen by the verb `format`."""

    has_headers = True
    """Whether CSV begins with the names of the columns."""

    is_interactive = False
    """Whether the shell runs on a terminal."""

    progress_line: ProgressLine | None = None
    """The progress of the running statement, on the line where output would begin."""

    def __init__(self, flags: Mapping[str, object], *, safe: bool = False) -> None:
        super().__init__(flags, safe=safe)
        self._changed: dict[str, Any] = {}

    @property
    def settings(self) -> Settings:
        """The settings, with those that were changed in this session."""
        return replace(super().settings, **self._changed) if self._changed else super().settings

    def change_setting(self, name: str, value: object) -> None:
        """Changes a setting for this session."""
        self._changed[name] = value
        # The style depends on a setting.
        self.__dict__.pop("style", None)

    def note(self, text: str) -> None:
        """Writes a remark to standard error."""
        self._remove_progress_line()
        super().note(text)

    def say(self, text: str, *, json: bool = False, styled: bool = False) -> None:
        """Writes a line of data to standard output."""
        self._remove_progress_line()
        super().say(text, json=json, styled=styled)

    def confirm(self, question: str) -> bool:
        """Asks a question on standard error; whether the answer is yes."""
        self._remove_progress_line()
        return super().confirm(question)

    def listing(self, *given: Any, **more: Any) -> None:
        """Writes several reports."""
        self._remove_progress_line()
        super().listing(*given, **more)

    def _remove_progress_line(self) -> None:
        if self.progress_line is not None:
            self.progress_line.stop()

    @property
    def on_terminal(self) -> bool:
        """Whether standard output is a terminal."""
        return self.is_interactive or super().on_terminal

    def format(self, requested: str | None, output: str | None = None) -> str:
        """The format of a result: the one requested, else the one chosen in the shell, else as on the command line."""
        if requested is None and self.chosen_format not in (None, "auto", *BINARY) and not self.json:
            return str(self.chosen_format)
        return super().format(requested, output)
