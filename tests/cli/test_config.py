"""Settings: the order of places, and what is refused."""

from __future__ import annotations

import os

import pytest

from lakebed._cli.environment import config
from lakebed.errors import InvalidArgument


@pytest.fixture
def places(tmp_path):
    user = tmp_path / "user.toml"
    below = tmp_path / "project" / "deep"
    below.mkdir(parents=True)
    return user, tmp_path / "project" / "lakebed.toml", below


def load(places, flags=None, **environ):
    user, _, below = places
    return config.load(flags, {"LAKEBED_CONFIG": str(user), **environ}, below)


def test_a_flag_goes_before_the_environment_before_the_project_before_the_user_before_the_default(places):
    user, project, _ = places
    assert load(places).values()["rows"] == (40, "default")
    user.write_text("rows = 1\nnull = '-'")
    assert load(places).values()["rows"] == (1, str(user))
    project.write_text("rows = 2")
    assert load(places).values()["rows"] == (2, str(project))
    assert load(places).values()["null"] == ("-", str(user))
    assert load(places, LAKEBED_ROWS="3").values()["rows"] == (3, "$LAKEBED_ROWS")
    assert load(places, {"rows": 4, "store": None}, LAKEBED_ROWS="3").values()["rows"] == (4, "flag")


def test_a_store_in_the_project_file_is_meant_from_there(places):
    _, project, _ = places
    project.write_text("store = 'data/events.lakebed'")
    assert load(places).settings.store == str(project.parent / "data/events.lakebed")
    project.write_text("store = '/srv/events.lakebed'")
    assert load(places).settings.store == "/srv/events.lakebed"


def test_an_unknown_setting_is_refused_with_the_near_name(places):
    user, _, _ = places
    user.write_text("colour = 'never'")
    with pytest.raises(InvalidArgument, match=r"user\.toml: there is no setting 'colour'; did you mean 'color'\?"):
        load(places)
    user.write_text("zzz = 1")
    with pytest.raises(InvalidArgument, match="there are store, format, color"):
        load(places)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rows = -1", "'rows' cannot be -1: Input should be greater than or equal to 0"),
        ("rows = 'many'", "'rows' cannot be 'many'"),
        ("color = 'red'", "'color' cannot be 'red': Input should be 'auto', 'always' or 'never'"),
        ("rows = ", "is not valid TOML"),
        ("[rows]\na = 1", "'rows' cannot be"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_its_place(places, text, message):
    user, _, _ = places
    user.write_text(text)
    with pytest.raises(InvalidArgument, match=r"user\.toml") as caught:
        load(places)
    assert message in str(caught.value)


def test_a_wrong_variable_is_told(places):
    with pytest.raises(InvalidArgument, match=r"\$LAKEBED_ROWS: the setting 'rows' cannot be 'x'"):
        load(places, LAKEBED_ROWS="x")


def test_the_users_file_lies_where_the_platform_keeps_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert config.user_file({}).parts[-2:] == ("lakebed", "config.toml")


def test_a_project_file_of_another_user_names_no_store(places, monkeypatch):
    _, project, _ = places
    project.write_text("store = 'data/events.lakebed'\nrows = 7")
    assert load(places).notes == ()
    own = project.stat().st_uid
    monkeypatch.setattr("os.geteuid", lambda: own + 4242)
    if own == 0:
        os.chown(project, 4241, -1)
    found = load(places)
    assert found.settings.store == config.DEFAULT_STORE
    assert found.settings.rows == 7
    assert "does not count" in found.notes[0]
    assert str(project) in found.notes[0]
    assert load(places, {"store": "mine"}).settings.store == "mine"
    # A link to a file of the user's own is the other user's word, too.
    monkeypatch.undo()
    if own == 0:
        os.chown(project, 0, -1)
        target = project.rename(project.with_name("target.toml"))
        project.symlink_to(target)
        os.chown(project, 4241, -1, follow_symlinks=False)
        assert load(places).settings.store == config.DEFAULT_STORE


def test_the_note_is_on_standard_error(run, place):
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    (place / "lakebed.toml").write_text("store = 'theirs.lakebed'")
    os.chown(place / "lakebed.toml", 4241, -1)
    (place / "x.ndjson").write_text("{}\n")
    done = run("ingest", "x.ndjson")
    assert "note: the setting 'store' of" in done.err
    assert not (place / "theirs.lakebed").exists()
    assert (place / "data.lakebed").exists()
