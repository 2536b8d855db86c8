"""The program as a whole: help, versions, usage errors, settings, completion."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from lakebed._cli.verbs import STORE_VERBS
from tests.cli.conftest import PROGRAM


def test_help_is_shown_without_arguments_and_names_every_verb(run):
    done = run()
    assert done.code == 0
    assert done.text == run("--help").text
    for verb in ("ingest", "query", "export", "verify", "completions"):
        assert re.search(rf"^  {verb} +[A-Z]", done.text, re.MULTILINE)
    assert b"\x1b" not in done.out


def test_help_imports_nothing_heavy(place):
    script = (
        "import sys; from lakebed._cli.main import main; code = main(['--help'])\n"
        "heavy = {'duckdb', 'prompt_toolkit', 'pydantic', 'rich', 'pyarrow', 'pandas'} & set(sys.modules)\n"
        "assert code == 0 and not heavy, heavy"
    )
    done = subprocess.run([PROGRAM.with_name("python"), "-c", script], capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("verb", ["ingest", "query", "put", "config"])
def test_every_verb_has_help(run, verb):
    done = run(verb, "--help")
    assert done.code == 0
    assert "Options:" in done.text


def test_version_names_what_runs(run):
    assert re.fullmatch(r"lakebed \S+ \(rust\), DuckDB \S+, Python \S+\n", run("--version").text)


def test_module_is_the_program(run, place):
    done = subprocess.run([PROGRAM.with_name("python"), "-m", "lakebed", "--version"], capture_output=True, check=True)
    assert done.stdout == run("--version").out


class TestUsage:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["ingst"], "No such command 'ingst'. Did you mean 'ingest'? See lakebed --help."),
            (
                ["query", "--fromat", "csv"],
                "No such option '--fromat'. Did you mean '--format'? See lakebed query --help.",
            ),
            (["get"], "Missing argument 'HASH'. See lakebed get --help."),
            (["trim", "x"], "Missing option '--before-seq'. See lakebed trim --help."),
            (["query", "--format", "xml", "SELECT 1"], "Invalid value for '--format': 'xml' is not one of"),
            (["trim", "x", "--before-seq", "-1"], "Invalid value for '--before-seq': -1 is not in the range"),
            (["ingest", "a.ndjson", "b.ndjson"], "There is no file a.ndjson"),
            (["query", "-c", "SELECT 1", "SELECT 2"], "Give the statements once"),
            (["put", "-"], "What comes from standard input needs a name: --name report.pdf."),
        ],
    )
    def test_a_wrong_command_line_is_told_in_one_line(self, run, store, arguments, message):
        done = run(*arguments)
        assert done.code == (7 if "no file" in message else 2)
        assert done.err.startswith(f"error: {message}")
        assert done.err.count("\n") == 1
        assert done.out == b""

    def test_several_files_need_a_collection(self, run, store, place):
        (place / "more.ndjson").write_text("{}\n")
        done = run("ingest", "events.ndjson", "more.ndjson")
        assert (done.code, done.err) == (
            2,
            "error: Several files, and standard input, need a collection: --into NAME.\n",
        )
        assert run("ingest", "-", stdin=b"{}").code == 2


class TestSettings:
    def test_config_shows_where_a_value_comes_from(self, run, place):
        (place / "lakebed.toml").write_text("rows = 7\nstore = 'mine.lakebed'\n")
        found = {row["name"]: (row["value"], row["origin"]) for row in run("config", LAKEBED_COLOR="never").rows}
        assert found["rows"] == (7, f"{place}/lakebed.toml")
        assert found["store"] == (f"{place}/mine.lakebed", f"{place}/lakebed.toml")
        assert found["color"] == ("never", "$LAKEBED_COLOR")
        assert found["null"] == ("NULL", "default")
        assert run("config", "show", "--store", "x").rows[0]["origin"] == "flag"
        assert [row["path"] for row in run("config", "path").rows] == [f"{place}/none.toml", f"{place}/lakebed.toml"]

    def test_settings_hold(self, run, store, place):
        (place / "lakebed.toml").write_text("format = 'table'\nrows = 2\nnull = '-'\n")
        text = run("query", "SELECT NULL AS a FROM range(3)").text
        assert re.search(r"│ +- +│", text)
        assert "(the first 2 shown; --rows 0 shows all)" in text
        assert run("query", "SELECT 1 AS a", "--json").rows == [{"a": 1}]

    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_completion_scripts(self, run, shell):
        done = run("completions", shell)
        assert done.code == 0
        assert "_LAKEBED_COMPLETE" in done.text

    def test_completion_knows_verbs_options_and_collections(self, run, store):
        def complete(words, at):
            environment = {"_LAKEBED_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(at)}
            return [line.partition(",")[2] for line in run(**environment).text.split()]

        assert complete("lakebed in", 1) == ["ingest"]
        assert "--on-error" in complete("lakebed ingest --", 2)
        assert complete("lakebed describe ev", 2) == ["events"]
        assert complete("lakebed --store nosuch describe ev", 4) == []


def test_the_page_of_commands_tells_of_every_verb_and_option():
    page = (Path(__file__).parents[2] / "docs/commands.md").read_text()
    for verb in STORE_VERBS:
        section = re.search(rf"^## {verb.name}$(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
        assert section, verb.name
        for argument in verb.arguments:
            for option in argument.options[-1:]:
                assert option in section[1], (verb.name, option)
