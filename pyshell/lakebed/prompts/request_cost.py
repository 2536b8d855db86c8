"""What requests cost, in tokens, whether or not they led to a reply."""

from __future__ import annotations

from dataclasses import dataclass

from lakebed.prompts.client import Chunk

__all__ = ["RequestCost", "TokenRatio"]

_DEFAULT_RATIO = 4.0
"""Characters of a prompt per token, before any are known."""


class TokenRatio:
    """The characters of prompts per token, from the prompts that the server has counted."""

    def __init__(self) -> None:
        self._characters = self._tokens = 0

    def add(self, characters: int, tokens: int) -> None:
        """Adds a prompt that was counted."""
        self._characters += characters
        self._tokens += tokens

    def tokens(self, characters: int) -> int:
        """An estimate for a prompt that was not."""
        ratio = self._characters / self._tokens if self._tokens else _DEFAULT_RATIO
        return round(characters / ratio)


@dataclass
class RequestCost:
    """What the attempts of one request have cost so far.

    The server counts the tokens at the end of a reply. For an attempt that does not get there, the tokens of the reply
    are the pieces that arrived, which Ollama sends token by token, and those of the prompt an estimate; both are 0 if
    nothing arrived.
    """

    asked: int = 0
    """Attempts."""
    prompt_tokens: int = 0
    reply_tokens: int = 0
    _prompt: int = 0
    _reply: int = 0

    def begin(self) -> None:
        """Another attempt begins."""
        self.asked += 1
        self._prompt = self._reply = 0

    def add(self, chunk: Chunk, characters: int, ratio: TokenRatio) -> None:
        """Adds a chunk of this attempt; `characters` is the length of its prompt."""
        prompt, reply = self._prompt, self._reply
        if not prompt:
            prompt = ratio.tokens(characters)
        reply += bool(chunk.content or chunk.thinking or chunk.tool_calls)
        if chunk.done:
            stats = chunk.stats or {}
            prompt = stats.get("prompt_eval_count", prompt)
            reply = stats.get("eval_count", reply)
            if "prompt_eval_count" in stats:
                ratio.add(characters, prompt)
        self.prompt_tokens += prompt - self._prompt
        self.reply_tokens += reply - self._reply
        self._prompt, self._reply = prompt, reply
