"""The check of the rooms finds each kind of fault in small trees made up here (`make lint` runs it on the source)."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.rooms import check, graph, table

CARGO = '[workspace]\nmembers = ["engine/low", "engine/high"]\n'
TREE = {
    "Cargo.toml": CARGO,
    "engine/low/Cargo.toml": '[package]\nname = "x-low"\n',
    "engine/low/src/lib.rs": "mod inner;\npub use inner::Thing;\n",
    "engine/low/src/inner.rs": "pub struct Thing;\n",
    "engine/high/Cargo.toml": '[package]\nname = "x-high"\n[dependencies]\nx-low = "1"\n',
    "engine/high/src/lib.rs": "mod a;\nmod b;\n",
    "engine/high/src/a.rs": "use x_low::Thing;\nfn one(_: Thing) { crate::b::two() }\n",
    "engine/high/src/b.rs": "pub fn two() {}\n",
    "pyshell/app/__init__.py": "from app.store import Store\n",
    "pyshell/app/store.py": "class Store: ...\n",
    "pyshell/app/cli.py": "import click\n\nfrom app import Store\n",
}
ROOMS = """
lines = 5
[python]
"pyshell" = ""
[rooms]
low = { at = "engine/low/src", uses = "" }
a = { at = "engine/high/src/a.rs engine/high/src/lib.rs", uses = "b low" }
b = { at = "engine/high/src/b.rs", uses = "" }
store = { at = "pyshell/app", uses = "" }
cli = { at = "pyshell/app/cli.py", uses = "store" }
[only]
click = "cli"
"std::fs" = "low"
"""


def found(root: Path, changes: dict[str, str], rooms: str = ROOMS) -> list[str]:
    """What the check says of the tree with these files changed."""
    for name, text in {**TREE, **changes, "rooms.toml": rooms}.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    read = table.read(root / "rooms.toml")
    return list(check.complaints(check.read(root, read), read))


def test_a_tree_that_keeps_to_its_table_passes(tmp_path: Path) -> None:
    assert found(tmp_path, {}) == []


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("engine/low/src/inner.rs", "pub struct Thing;\nuse std::{io, fs::File as F};\nfn f(_: F) {}\n", None),
        ("engine/high/src/b.rs", "pub fn two() { std::fs::read(p) }\n", "b.rs names std::fs::read: only low may"),
        ("engine/high/src/b.rs", "pub fn two() { x_low::Thing }\n", "b may not use low"),
        ("engine/high/src/b.rs", "pub fn two() {}\nuse super::a::one;\n", "need each other in a circle"),
        ("engine/high/src/b.rs", "pub fn two() {}\n#[cfg(test)]\nmod tests { use crate::a::one; }\n", None),
        ("engine/high/src/b.rs", '// crate::a::one\npub fn two() { "crate::a::one" }\n', None),
        ("engine/high/src/b.rs", "pub fn two() {}\n" * 6, "has 6 lines; a file has at most 5"),
        ("engine/high/src/a.rs", "use x_low::Thing;\nfn one(_: Thing) {}\n", "a may use b and does not"),
        ("engine/high/src/a.rs", "fn one() { crate::b::two() }\n", "x_high depends on x_low, which none of its rooms uses"),
        ("engine/low/Cargo.toml", '[package]\nname = "x-low"\n[dependencies]\nclick = "1"\n', "x_low depends on click"),
        ("pyshell/app/store.py", "class Store: ...\ndef f():\n    import click.core\n", "store.py names click.core: only cli may"),
        (
            "pyshell/app/store.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from . import cli\nclass Store: ...\n",
            "store may not use cli",
        ),
    ],
)  # fmt: skip
def test_one_fault_is_one_sentence(tmp_path: Path, file: str, text: str, said: str | None) -> None:
    complaints = found(tmp_path, {file: text})
    assert bool(complaints) == bool(said)
    if said:
        assert any(said in complaint for complaint in complaints), complaints


def test_a_name_that_is_handed_on_leads_to_the_file_that_defines_it(tmp_path: Path) -> None:
    """`app/__init__.py` imports from `store`; `store` names nothing of it: `cli` importing from `app` makes no
    circle."""
    text = "class Store:\n    def close(self):\n        from app import Store\n"
    assert found(tmp_path, {"pyshell/app/store.py": text}) == []


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('b = { at = "engine/high/src/b.rs", uses = "" }', 'b = { at = "engine/high/src/b.rs", uses = "a" }', "circle"),
        ('uses = "b low"', 'uses = "b lower"', "lower"),
        ('at = "engine/low/src"', 'at = "engine/lower/src"', "does not exist"),
        ('at = "engine/high/src/b.rs"', 'at = "engine/high/src/lib.rs"', "in two rooms"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(tmp_path: Path, before: str, after: str, said: str) -> None:
    assert before in ROOMS
    with pytest.raises(table.Unreadable, match=said):
        found(tmp_path, {}, ROOMS.replace(before, after))


def test_an_exception_for_a_short_file_is_refused(tmp_path: Path) -> None:
    rooms = ROOMS.replace("[rooms]", '[long]\n"engine/high/src/b.rs" = "one table"\n[rooms]')
    assert found(tmp_path, {"engine/high/src/b.rs": "pub fn two() {}\n" * 6}, rooms) == []
    (complaint,) = found(tmp_path, {}, rooms)
    assert "take it off the list" in complaint


def test_circles_are_found_whole() -> None:
    found = graph.circles({1: [2], 2: [3], 3: [1, 4], 4: [5], 5: [4], 6: [1]})
    assert sorted(map(sorted, found)) == [[1, 2, 3], [4, 5]]
