"""The line editor: prompt-toolkit with highlighting, completion and history. The only module that imports
prompt-toolkit."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Literal

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.enums import EditingMode
from prompt_toolkit.filters import completion_is_selected, is_searching
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import History as LineHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.lexers import Lexer
from prompt_toolkit.output.color_depth import ColorDepth
from prompt_toolkit.shortcuts import CompleteStyle
from prompt_toolkit.styles import Style

from lakebed._cli import render
from lakebed._cli.shell import statements
from lakebed._cli.shell.completion import suggest
from lakebed._cli.shell.completion_catalog import CompletionCatalog
from lakebed._cli.shell.highlight import spans
from lakebed._cli.shell.history import History

_COMMON = {
    "comment": "ansibrightblack italic",
    "pipe": "ansimagenta bold",
    "error": "ansired",
    "prompt": "bold",
    "auto-suggestion": "ansibrightblack",
    "bottom-toolbar": "noreverse ansibrightblack",
}
_STYLES = {
    "dark": Style.from_dict(
        {
            **_COMMON,
            "keyword": "ansigreen",
            "string": "ansiyellow",
            "number": "ansiyellow",
            "verb": "ansicyan bold",
            "option": "ansicyan",
        }
    ),
    # Yellow and cyan cannot be read on white.
    "light": Style.from_dict(
        {
            **_COMMON,
            "keyword": "ansiblue",
            "string": "ansired",
            "number": "ansimagenta",
            "verb": "ansigreen bold",
            "option": "ansigreen",
            "error": "bg:ansired ansiwhite",
            "completion-menu.completion": "bg:ansiwhite ansiblack",
            "completion-menu.completion.current": "bg:ansiblue ansiwhite",
        }
    ),
}


def theme_of(setting: str, environ: Mapping[str, str]) -> str:
    """The theme of a setting: `dark` or `light`. `auto` follows `$COLORFGBG`, which some terminals set, else it is
    dark."""
    if setting != "auto":
        return setting
    return "light" if environ.get("COLORFGBG", "").rpartition(";")[2] in ("7", "15") else "dark"


class _Highlighter(Lexer):
    """Styled fragments of each line."""

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        lines = _fragments(document.text)
        return lambda number: lines[number] if number < len(lines) else []


@lru_cache(maxsize=4)
def _fragments(text: str) -> list[StyleAndTextTuples]:
    lines: list[StyleAndTextTuples] = [[]]
    if not text:
        # The first prompt is shown before DuckDB is imported.
        return lines

    def add(style: str, part: str) -> None:
        for number, line in enumerate(part.split("\n")):
            if number:
                lines.append([])
            if line:
                lines[-1].append((style, line))

    at = 0
    try:
        found = spans(text)
    except Exception:  # noqa: BLE001  (a text that cannot be highlighted can still be typed)
        found = []
    for start, end, kind in found:
        if start >= at:
            add("", text[at:start])
            add(f"class:{kind}", text[start:end])
            at = end
    add("", text[at:])
    return lines


class _Completions(Completer):
    """Suggestions from the newest catalog."""

    def __init__(self, catalog: Callable[[], CompletionCatalog]) -> None:
        self._catalog = catalog

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        cursor = document.cursor_position
        try:
            found = suggest(document.text, cursor, self._catalog(), requested=complete_event.completion_requested)
        except Exception:  # noqa: BLE001  (a text that cannot be completed can still be typed)
            return
        for text, start, kind in found:
            if text != document.text[start:cursor] or complete_event.completion_requested:
                yield Completion(text, start - cursor, display_meta=kind)


class _Lines(LineHistory):
    """The whole statements of the history, newest first."""

    def __init__(self, history: History | None) -> None:
        super().__init__()
        self._history = history

    async def load(self) -> AsyncGenerator[str, None]:
        if not self._loaded:
            self._loaded_strings = list(self.load_history_strings())
            self._loaded = True
        for item in self._loaded_strings:
            yield item

    def load_history_strings(self) -> Iterable[str]:
        last = None
        for entry in reversed(self._history.entries() if self._history is not None else []):
            if entry.statement != last:
                yield entry.statement
            last = entry.statement

    def append_string(self, string: str) -> None:
        if not string.strip() or string[0].isspace():
            return
        if not self._loaded_strings or self._loaded_strings[0] != string:
            super().append_string(string)

    def store_string(self, string: str) -> None:
        if self._history is not None:
            self._history.add(string)


def _bindings() -> KeyBindings:
    bindings = KeyBindings()

    @bindings.add("enter", filter=completion_is_selected)
    def _take(event: KeyPressEvent) -> None:
        """Accepts the completion, and does not run the statement."""
        event.current_buffer.complete_state = None

    @bindings.add("enter", filter=~completion_is_selected & ~is_searching)
    def _enter(event: KeyPressEvent) -> None:
        """Runs a complete text; begins a new line in any other."""
        buffer = event.current_buffer
        if not buffer.text.strip() or statements.is_complete(buffer.text):
            buffer.validate_and_handle()
        else:
            buffer.newline(copy_margin=True)

    @bindings.add("escape", "enter")
    def _newline(event: KeyPressEvent) -> None:
        event.current_buffer.newline(copy_margin=True)

    return bindings


class LineEditor:
    """Reads statements from the terminal."""

    def __init__(
        self,
        name: str,
        catalog: Callable[[], CompletionCatalog],
        history: History | None,
        *,
        keys: Literal["emacs", "vi"] = "emacs",
        theme: str = "dark",
        color: bool = True,
        opens_editor: bool = True,
        status: Callable[[], Sequence[str]] = lambda: (),
    ) -> None:
        """`status` gives the parts of the line below the prompt."""
        self._name = name
        self._status = status
        self._session: PromptSession[str] = PromptSession(
            lexer=_Highlighter(),
            completer=_Completions(catalog),
            complete_while_typing=True,
            complete_style=CompleteStyle.COLUMN,
            auto_suggest=AutoSuggestFromHistory(),
            history=_Lines(history),
            multiline=True,
            key_bindings=_bindings(),
            enable_open_in_editor=opens_editor,
            enable_suspend=True,
            tempfile_suffix=".sql",
            bottom_toolbar=self._toolbar,
            color_depth=None if color else ColorDepth.DEPTH_1_BIT,
            reserve_space_for_menu=5,
            prompt_continuation=self._continuation,
        )

        self.configure(keys=keys, theme=theme)

    def configure(self, *, keys: Literal["emacs", "vi"], theme: str) -> None:
        """Uses these key bindings and colors from the next prompt on."""
        self._session.editing_mode = EditingMode.VI if keys == "vi" else EditingMode.EMACS
        self._session.style = _STYLES[theme]

    def _toolbar(self) -> StyleAndTextTuples:
        parts = list(self._status())
        if self._session.editing_mode == EditingMode.VI:
            mode = self._session.app.vi_state.input_mode.value.removeprefix("vi-")
            parts.append("vi insert" if mode == "insert" else "vi normal" if mode == "navigation" else f"vi {mode}")
        return [("class:bottom-toolbar", " " + "  ".join(render.escaped(part) for part in parts))]

    def read(self, beginning: str = "", shown: Callable[[], None] | None = None) -> str:
        """The next text that is typed. The line begins with `beginning`; `shown` is called once, when the prompt is on
        the screen.

        Raises `EOFError` after Ctrl-D, `KeyboardInterrupt` after Ctrl-C.
        """
        after_render = self._session.app.after_render
        is_new = True

        def rendered(_: object) -> None:
            nonlocal is_new
            if is_new and shown is not None:
                is_new = False
                shown()

        after_render += rendered
        try:
            return self._session.prompt([("class:prompt", f"{self._name}> ")], default=beginning)
        finally:
            after_render -= rendered

    def _continuation(self, width: int, _number: int, wraps: int) -> str:
        # Where the terminal wraps a line nothing is put before the rest of it: what is copied is what was typed.
        return "" if wraps else "- ".rjust(width)
