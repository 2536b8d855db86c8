"""Prose has lines of at most 120 columns: `python -m scripts.prose` names the longer ones, `--fix` wraps their
paragraphs.

Prose is Markdown outside code, tables and headings; comments on lines of their own in Rust, Python, shell, TOML, YAML
and make; and Python docstrings. Only a paragraph with a line that is too long is touched.
"""

from __future__ import annotations

import argparse
import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
WIDTH = 120
COMMENT = {".rs": r"//[/!]?(?= |$)", ".md": ""} | dict.fromkeys(
    (".py", ".pyi", ".sh", ".toml", ".yaml", ".yml", ""), "#(?= |$)"
)
FENCE = re.compile(r"\s*(```|~~~)")
# What a wrapped line must not begin with, because Markdown would read it as a list, a heading or a quotation.
MARK = re.compile(r"[-*+>#|]+$|\d+[.)]$")
ITEM = re.compile(r"([-*+]|\d+[.)]) +")


@dataclass
class Paragraph:
    """Lines of prose that belong together."""

    first: int
    lines: list[str]
    """Without what stands before them."""
    before: str
    """Indentation and comment marker of every line."""
    hang: str = ""
    """Indentation of all lines but the first, in a list."""

    def long(self) -> list[int]:
        """Offsets of the lines that are too long."""
        return [at for at, line in enumerate(self.lines) if len(self.before + line) > WIDTH and " " in line.strip()]

    def wrapped(self) -> list[str]:
        """The same words in lines that fit."""
        words: list[str] = []
        for word in " ".join(self.lines).split():
            if words and MARK.match(word):
                words[-1] += f" {word}"
            else:
                words.append(word)
        first = self.lines[0][: len(self.lines[0]) - len(self.lines[0].lstrip())]
        lines = [first + words[0]]
        for word in words[1:]:
            if len(f"{self.before}{lines[-1]} {word}") <= WIDTH:
                lines[-1] += f" {word}"
            else:
                lines.append(self.hang + word)
        return [self.before + line for line in lines]


def paragraphs(lines: list[str], prefix: re.Pattern[str], inside: set[int] | None) -> Iterator[Paragraph]:
    """The paragraphs of a file: of lines that begin with the prefix, or of those whose number is given."""
    fenced = False
    now: Paragraph | None = None
    for number, line in enumerate(lines):
        found = prefix.match(line)
        text = line[found.end() :] if found else ""
        before = found[0] if found else ""
        if inside is not None and number not in inside:
            found = None
        if found and FENCE.match(text):
            fenced = not fenced
            found = None
        code = fenced or text.startswith("     ") or (text.startswith("    ") and not (now and now.hang))
        bare = text.strip() in ("", '"""') or text.lstrip().startswith(("|", "#", "<!--", "!["))
        if not found or code or bare:
            if now:
                yield now
            now = None
            continue
        item = ITEM.match(text.lstrip())
        if now and not item and now.before == before and not text.startswith(" " * (len(now.hang) + 1)):
            now.lines.append(text)
            continue
        if now:
            yield now
        indent = text[: len(text) - len(text.lstrip())]
        now = Paragraph(number, [text], before, indent + " " * len(item[0]) if item else indent)
    if now:
        yield now


def prose(file: Path, text: str) -> Iterator[Paragraph]:
    """All paragraphs of prose in a file."""
    lines = text.split("\n")
    if file.suffix == ".md":
        yield from paragraphs(lines, re.compile(""), None)
        return
    marker = COMMENT[file.suffix]
    yield from paragraphs(lines, re.compile(rf"\s*(?:{marker}) ?"), None)
    if file.suffix in (".py", ".pyi"):
        for start, stop in docstrings(text):
            indent = " " * (len(lines[start]) - len(lines[start].lstrip()))
            yield from paragraphs(lines, re.compile(rf"(?:{indent})?"), set(range(start, stop)))


def docstrings(text: str) -> Iterator[tuple[int, int]]:
    """The lines of each string that stands alone, first and one after the last."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno - 1, node.end_lineno or node.lineno


def files(root: Path) -> Iterator[Path]:
    """What git knows of, or is about to."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout.splitlines():
        file = root / name
        if (
            file.suffix in COMMENT
            and "fixtures" not in file.parts
            and file.is_file()
            and not name.startswith("LICENSE")
        ):
            yield file


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m scripts.prose", description=__doc__)
    parser.add_argument("--root", type=Path, default=ROOT)
    parser.add_argument("--fix", action="store_true", help="wrap what is too long")
    parser.add_argument("only", nargs="*", type=Path, help="these files alone")
    options = parser.parse_args()
    failed = False
    for file in options.only or files(options.root):
        text = file.read_text()
        lines = text.split("\n")
        long = [paragraph for paragraph in prose(file, text) if paragraph.long()]
        if options.fix:
            for paragraph in sorted(long, key=lambda paragraph: -paragraph.first):
                lines[paragraph.first : paragraph.first + len(paragraph.lines)] = paragraph.wrapped()
            if long:
                file.write_text("\n".join(lines))
        for paragraph in [] if options.fix else long:
            failed = True
            for offset in paragraph.long():
                length = len(lines[paragraph.first + offset])
                print(
                    f"{file}:{paragraph.first + offset + 1}: {length} columns; prose has at most {WIDTH}",
                    file=sys.stderr,
                )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
