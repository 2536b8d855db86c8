"""The engines in Rust and in Python say the same, word for word, of the same mistake."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lakebed
from lakebed import _backend
from tests.pure.twins import opened

if len(_backend.installed()) < 2:
    pytest.skip("both engines are needed", allow_module_level=True)

Mistake = Callable[[Path, Callable[..., lakebed.Store]], Any]

AT_PATHS: dict[str, Mistake] = {
    "nothing there": lambda place, open: open(place / "none", "r"),
    "an empty directory": lambda place, open: open(place / "empty", "r"),
    "a directory of something else, to read": lambda place, open: open(place / "other", "r"),
    "a file, to read": lambda place, open: open(place / "file", "r"),
    "a file, to write": lambda place, open: open(place / "file"),
    "a link to nothing, to read": lambda place, open: open(place / "link", "r"),
    "a link to nothing, to write": lambda place, open: open(place / "link"),
    "a name that is too long": lambda place, open: open(place / ("x" * 300)),
    "another mode": lambda place, open: open(place / "new", "x"),
    "a level": lambda place, open: open(place / "new", level=50),
    "a size of segments": lambda place, open: open(place / "new", segment_bytes=1),
    "a size of pages": lambda place, open: open(place / "new", page_bytes=3),
    "a wait": lambda place, open: open(place / "new", lock_timeout=-1),
    "restoring nothing": lambda place, open: lakebed.restore(place / "none", place / "new"),
    "restoring what is no backup": lambda place, open: lakebed.restore(place / "other", place / "new"),
    "repairing nothing": lambda place, open: lakebed.repair(place / "none"),
    "repairing something else": lambda place, open: lakebed.repair(place / "other"),
}
OF_A_STORE: dict[str, Callable[[lakebed.Store, Path], Any]] = {
    "no hash": lambda store, place: store.get("zz"),
    "an empty hash": lambda store, place: store.get(""),
    "a long hash": lambda store, place: store.get("0" * 65),
    "bytes that are no hash": lambda store, place: store.get(b"x"),
    "a number as a hash": lambda store, place: store.get(5),  # type: ignore[arg-type]
    "a hash of nothing": lambda store, place: store.get("f" * 64),
    "the bytes of a hash of nothing": lambda store, place: store.get(b"x" * 32),
    "a prefix of nothing": lambda store, place: store.get("abcdef123"),
    "text as a blob": lambda store, place: store.put("x"),  # type: ignore[arg-type]
    "nothing as a blob": lambda store, place: store.put(None),  # type: ignore[arg-type]
    "an empty name": lambda store, place: store.append("", [1]),
    "no such collection": lambda store, place: store.drop("nope"),
    "nearly a collection": lambda store, place: list(store.scan("event")),
    "no such layout": lambda store, place: store.compact(layout="x"),  # type: ignore[arg-type]
    "no such level": lambda store, place: store.compact(level=99),
    "a backup in the store": lambda store, place: store.backup(store.path + "/b"),
    "a backup in a file": lambda store, place: store.backup(place / "file"),
    "no backups kept": lambda store, place: store.backup(place / "backups", keep=0),
    "verify before the first commit": lambda store, place: store.verify(since=-1),
    "an export into nowhere": lambda store, place: store.export("events", place / "no" / "x.ndjson"),
}


def _said(engine: _backend.Backend, place: Path, monkeypatch: pytest.MonkeyPatch, act: Callable[[], Any]) -> str:
    monkeypatch.setattr(_backend, "_current", engine)
    try:
        found = act()
    except (lakebed.LakebedError, TypeError) as problem:
        return f"{type(problem).__name__}: {problem}".replace(str(place), "PLACE")
    return f"no error: {found!r}".replace(str(place), "PLACE")


@pytest.mark.parametrize("which", AT_PATHS)
def test_a_path(which: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = []
    for engine in _backend.installed():
        place = tmp_path / engine.name
        (place / "empty").mkdir(parents=True)
        (place / "other").mkdir()
        (place / "other" / "notes.txt").write_text("notes")
        (place / "file").write_text("x")
        (place / "link").symlink_to(place / "nowhere")

        def open_there(path: Path, mode: str = "a", *, engine: _backend.Backend = engine, **options: Any) -> Any:
            return opened(engine, path, mode, **options)

        act = AT_PATHS[which]
        said.append(_said(engine, place, monkeypatch, lambda act=act, place=place, o=open_there: act(place, o)))  # type: ignore[misc]
    assert said[0] == said[1]
    assert not said[0].startswith("no error")


@pytest.mark.parametrize("which", OF_A_STORE)
def test_a_store(which: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = []
    for engine in _backend.installed():
        place = tmp_path / engine.name
        place.mkdir()
        (place / "file").write_text("x")
        with opened(engine, place / "store") as store:
            store.append("events", [{"id": 1}])
            store.append("other", [1])
            store.commit()
            act = OF_A_STORE[which]
            said.append(_said(engine, place, monkeypatch, lambda act=act, s=store, p=place: act(s, p)))  # type: ignore[misc]
            store.rollback()
    assert said[0] == said[1]
    assert not said[0].startswith("no error")


def test_directories_above_a_new_store_are_made(tmp_path: Path) -> None:
    for engine in _backend.installed():
        opened(engine, tmp_path / engine.name / "deep" / "store").close()
        assert (tmp_path / engine.name / "deep" / "store" / "FORMAT").is_file()


def test_a_restore_into_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for engine in _backend.installed():
        place = tmp_path / engine.name
        monkeypatch.setattr(_backend, "_current", engine)
        with opened(engine, place / "store") as store:
            store.append("events", [1])
            store.commit()
            store.backup(place / "backups")
        (place / "again").mkdir()
        lakebed.restore(place / "backups", place / "again")
        with opened(engine, place / "again", "r") as again:
            assert [bytes(row.data) for row in again.scan("events")] == [b"1"]


def test_reports_have_whole_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for engine in _backend.installed():
        place = tmp_path / engine.name
        place.mkdir()
        monkeypatch.chdir(place)
        monkeypatch.setattr(_backend, "_current", engine)
        with opened(engine, Path("store")) as store:
            store.append("events", [{"id": 1}])
            store.commit()
            assert os.fspath(store.stats().path) == str(place / "store")
            made = store.backup("backups")
        restored = lakebed.restore("backups", "again")
        assert Path(made.path).parent == place / "backups"
        assert (restored.path, restored.backup) == (str(place / "again"), made.path)
