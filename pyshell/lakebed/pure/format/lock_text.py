"""The text of LOCK: who writes, and the last commit whose sync returned."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["SIZE", "LockText"]

SIZE: Final = 1024


class LockText(NamedTuple):
    """What LOCK says. None for what is not said."""

    pid: int | None = None
    command: str | None = None
    since: int | None = None
    synced: int | None = None

    def encode(self) -> bytes:
        """The text, filled up to 1,024 bytes."""
        synced = [] if self.synced is None else [f"synced={self.synced}"]
        middle = [
            *([] if self.pid is None else [f"pid={self.pid}"]),
            *([] if self.since is None else [f"since={self.since}"]),
        ]
        rest = sum(len(line) + 1 for line in (*synced, *middle, *synced)) + len("command=\n")
        command = "".join(" " if ord(sign) < 32 or 127 <= ord(sign) < 160 else sign for sign in self.command or "")
        shown = command.encode()[: SIZE - rest].decode(errors="ignore")
        lines = [*synced, *middle, f"command={shown}", *synced]
        return "".join(f"{line}\n" for line in lines).encode().ljust(SIZE, b"\n")

    @classmethod
    def decode(cls, data: bytes) -> LockText:
        """What can be read of it; a line that is not ended counts as absent."""
        text = data.decode(errors="replace")
        lines = [line for line in text[: text.rfind("\n") + 1].split("\n") if line]
        values = {}
        for line in lines:
            key, _, value = line.partition("=")
            values[key] = value
        first, last = (lines[0], lines[-1]) if lines else ("", "")
        synced = first if first == last and first.startswith("synced=") and len(lines) > 1 else ""
        return cls(
            pid=_number(values.get("pid")),
            command=values.get("command"),
            since=_number(values.get("since")),
            synced=_number(synced.partition("=")[2]),
        )


def _number(text: str | None) -> int | None:
    if not text or len(text) > 20 or not text.lstrip("-").isascii() or not text.lstrip("-").isdigit():
        return None
    return int(text)
