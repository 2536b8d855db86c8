"""The package itself: names, version, what importing costs."""

import subprocess
import sys
from importlib.metadata import version

import pytest

import lakebed


def test_every_public_name_is_there():
    for name in lakebed.__all__:
        assert getattr(lakebed, name) is not None
        assert name in dir(lakebed)
    with pytest.raises(AttributeError, match="no attribute 'nosuch'"):
        lakebed.nosuch  # noqa: B018


def test_the_version_is_the_packages():
    assert lakebed.__version__ == version("lakebed")


def test_the_engine_is_rust():
    assert lakebed.backend() == "rust"
    assert lakebed.has_rust_backend() is True


def test_public_classes_print_under_the_packages_name():
    for name in ("Store", "Hash", "Buffer", "Row", "Rows", "Progress", "BlobNotFound"):
        assert getattr(lakebed, name).__module__ == "lakebed"


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60).stdout


def test_importing_and_blobs_need_no_heavy_modules(path):
    heavy = "{'pydantic', 'rich', 'duckdb', 'pyarrow', 'pandas', 'numpy', 'click', 'prompt_toolkit', 'httpx'}"
    code = f"""
import sys, lakebed
with lakebed.open({str(path)!r}) as store:
    assert store.get(store.put(b'x')) == b'x'
print(sorted({heavy} & sys.modules.keys()))
"""
    assert run(code) == "[]\n"


def test_the_engines_documentation_is_reachable():
    assert "BLAKE3" in lakebed.Hash.__doc__
    assert lakebed.Store.get.__doc__
