"""Settings: the order of places, and what is refused."""

from __future__ import annotations

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
