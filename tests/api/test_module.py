"""The package itself: names, version, what importing costs."""

import subprocess
import sys
from importlib.metadata import version

import pytest

import lakebed
from lakebed import _backend


def test_every_public_name_is_there():
    for name in lakebed.__all__:
        assert getattr(lakebed, name) is not None
        assert name in dir(lakebed)
    with pytest.raises(AttributeError, match="no attribute 'nosuch'"):
        lakebed.nosuch  # noqa: B018


def test_the_version_is_the_packages():
    assert lakebed.__version__ == version("lakebed")


def test_the_backend_that_runs_is_named(backend):
    assert lakebed.backend() == backend.name
    assert lakebed.has_rust_backend() is (backend.name == "rust")


WITHOUT_ENGINE = """
import sys
sys.modules["lakebed._engine"] = sys.modules["blake3"] = None
import lakebed
from lakebed.prompts.server import find_server
for name in lakebed.__all__:
    getattr(lakebed, name)
assert not lakebed.has_rust_backend()
assert lakebed.to_json({"a": 1}) == b'{"a":1}'
find_server("http://localhost:1").client().close()
calls = [
    lambda: lakebed.open("data.lakebed"),
    lambda: lakebed.Hash(b"x" * 32),
    lambda: lakebed.Hash.of(b"x"),
    lakebed.backend,
]
messages = set()
for call in calls:
    try:
        call()
    except lakebed.BackendMissing as problem:
        assert isinstance(problem, ImportError)
        messages.add(str(problem))
print(*messages)
"""


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ("auto", "lakebed has no backend here: its engine, lakebed._engine, is not installed"),
        ("rust", "LAKEBED_BACKEND is rust, and lakebed's engine, lakebed._engine, is not installed"),
        (
            "python",
            "LAKEBED_BACKEND is python, and the packages that lakebed needs without its engine are not installed",
        ),
    ],
)
def test_without_a_backend_everything_but_stores_works(monkeypatch, choice, words):
    monkeypatch.setenv("LAKEBED_BACKEND", choice)
    assert run(WITHOUT_ENGINE).startswith(words)


def test_the_environment_chooses_the_backend(monkeypatch):
    code = """
import lakebed
try:
    print(lakebed.backend(), lakebed.has_rust_backend(), type(lakebed.Hash.of(b"")))
except lakebed.LakebedError as problem:
    print(problem)
"""
    found = {}
    for choice in ("rust", "python", "auto", "", "cobol"):
        monkeypatch.setenv("LAKEBED_BACKEND", choice)
        found[choice] = run(code)
    fast, slow = "rust True <class 'lakebed.Hash'>\n", "python False <class 'lakebed.Hash'>\n"
    assert found["python"] == slow
    if any(each.name == "rust" for each in _backend.installed()):
        assert found["rust"] == found["auto"] == found[""] == fast
    else:
        assert found["auto"] == found[""] == slow
        assert found["rust"].startswith(
            "LAKEBED_BACKEND is rust, and lakebed's engine, lakebed._engine, is not installed"
        )
        assert "--no-cache-dir" in found["rust"]
    assert found["cobol"].startswith("LAKEBED_BACKEND is rust, python or auto, not 'cobol'")


def test_public_classes_print_under_the_packages_name():
    for name in set(lakebed.__all__) - {"__version__"}:
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
    assert "BLAKE3" in str(lakebed.Hash.__doc__)
    assert lakebed.Store.get.__doc__
