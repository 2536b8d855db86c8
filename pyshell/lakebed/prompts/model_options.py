"""The options of a model: their names and types, which Ollama does not check, and the closest name for a wrong one.
Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any

from lakebed.errors import InvalidArgument

_INTEGERS = (
    "num_keep seed num_predict top_k repeat_last_n num_ctx num_batch num_gpu main_gpu num_thread draft_num_predict"
)
_NUMBERS = "top_p min_p typical_p temperature repeat_penalty presence_penalty frequency_penalty"
TYPES: dict[str, type] = {
    **dict.fromkeys(_INTEGERS.split(), int),
    **dict.fromkeys(_NUMBERS.split(), float),
    "use_mmap": bool,
    "stop": list,
}
"""The options that Ollama knows, and their types."""
THINK = ("on", "off", "low", "medium", "high", "max")


def checked(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options, converted to their types so that equal options are equal bytes. Text is accepted, as a command line
    has it.

    Raises `InvalidArgument` for an unknown name or a value of a wrong type.
    """
    return {name: _value(name, options[name]) for name in sorted(options)}


def _value(name: str, value: Any) -> Any:
    kind = TYPES.get(name)
    if kind is None:
        near = difflib.get_close_matches(name, TYPES, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(TYPES))}."
        message = f"Ollama has no option {name!r}: {hint}"
        raise InvalidArgument(message)
    try:
        if kind is list:
            return [value] if isinstance(value, str) else [str(one) for one in value]
        if kind is bool:
            return {"true": True, "false": False}[str(value).lower()]
        number = float(value)
        if kind is int:
            if isinstance(value, bool) or number != int(number):
                raise ValueError
            return int(value) if isinstance(value, int | str) else int(number)
        if isinstance(value, bool) or not -1e300 < number < 1e300:
            raise ValueError
        return number
    except (ValueError, TypeError, KeyError, OverflowError):
        kinds = {int: "a whole number", float: "a number", bool: "true or false", list: "a text or several"}
        message = f"The option {name} takes {kinds[kind]}, not {value!r}."
        raise InvalidArgument(message) from None


def from_words(words: tuple[str, ...]) -> dict[str, Any]:
    """Options from words like `name=value`; `stop` may occur several times. Raises `InvalidArgument`."""
    options: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            message = f"An option is NAME=VALUE, as in temperature=0, not {word!r}."
            raise InvalidArgument(message)
        name = name.strip()
        if name == "stop":
            options.setdefault(name, []).append(value)
        else:
            options[name] = value.strip()
    return options


def think(value: object) -> bool | str | None:
    """The value of Ollama's `think`: None, on, off or a level. Raises `InvalidArgument`."""
    match value:
        case None | bool():
            return value
        case "on" | "off":
            return value == "on"
        case "low" | "medium" | "high" | "max":
            return str(value)
    message = f"think is one of {', '.join(THINK)}, not {value!r}."
    raise InvalidArgument(message)


_DURATION = re.compile(r"[+-]?((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+", re.ASCII)


def keep_alive(value: object) -> str | float | None:
    """The value of Ollama's `keep_alive`: None, a number of seconds, or a duration. A number that is given as text
    becomes a number, which is how Ollama accepts it. Raises `InvalidArgument`."""
    if value is None:
        return None
    if isinstance(value, str):
        text = value.strip()
        if _DURATION.fullmatch(text):
            return text
        if re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)", text, re.ASCII):
            value = float(text)
    if isinstance(value, int | float) and not isinstance(value, bool) and -1e9 < value < 1e9:
        return int(value) if value == int(value) else value
    message = f"keep_alive is a number of seconds or a duration such as 90s, 10m or 1h30m (0: not at all, -1: for ever), not {value!r}."
    raise InvalidArgument(message)
