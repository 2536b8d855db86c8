"""The engine in Python without mapping, as on a network's file system."""

from pathlib import Path

import lakebed
from lakebed import _backend


def test_a_store_is_read_without_mapping(tmp_path, monkeypatch):
    backend = next(one for one in _backend.installed() if one.name == "python")
    monkeypatch.setattr(_backend, "_current", backend)
    path = tmp_path / "test.lakebed"
    with lakebed.open(path, segment_bytes=4096) as store:
        for part in range(12):
            store.append("rows", [{"n": part * 100 + number} for number in range(100)])
            store.seal()
        large = store.put(bytes(17 << 20))
    monkeypatch.setenv("LAKEBED_MMAP", "0")
    with lakebed.open(path, "r") as store:
        assert [row.json()["n"] for row in store.scan("rows")] == list(range(1200))
        assert store.get(lakebed.Hash.of(b'{"n":777}')) == b'{"n":777}'
        assert len(store.get(large)) == 17 << 20
        assert store.verify().ok
        assert str(path) not in Path("/proc/self/maps").read_text()
