"""What the shell says first."""

import sys

import lakebed
from lakebed._cli.environment import backend_notice
from lakebed._cli.shell.loop import _greet


def test_the_engine_is_named_and_a_missing_one_once(session, capsys, monkeypatch):
    monkeypatch.delenv("LAKEBED_BACKEND", raising=False)
    _greet(session)
    shown = capsys.readouterr()
    assert f"lakebed {lakebed.__version__} ({lakebed.backend()}) on " in shown.out
    assert "Rust" not in shown.err
    monkeypatch.setattr(backend_notice, "backend", lambda: "python")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    backend_notice._unsaid.cache_clear()
    try:
        _greet(session)
        _greet(session)
    finally:
        backend_notice._unsaid.cache_clear()
    assert capsys.readouterr().err.count("running without the Rust engine, several times slower; `pip install") == 1
