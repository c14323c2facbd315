"""Settings from the environment."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from turnout.domain.errors import Invalid
from turnout.settings import GROUPS, Settings, load_settings, variable

FIELDS = [(group, each) for group, kind in GROUPS.items() for each in fields(kind)]


def load(**environ: str) -> Settings:
    return load_settings({"TURNOUT_HOME": "/srv/turnout", **environ})


def test_the_defaults() -> None:
    """Nothing has to be set: the groups are what their classes say."""
    settings = load()
    assert {group: getattr(settings, group) for group in GROUPS} == {group: kind() for group, kind in GROUPS.items()}
    assert settings.database_url == "sqlite+aiosqlite:////srv/turnout/turnout.db"
    assert settings.regions == ("local",)


def test_the_defaults_pass_their_own_checks() -> None:
    """Each default, written into its variable, is read back as itself."""
    environ = {variable(group, each.name): str(each.default) for group, each in FIELDS}
    assert load(**environ) == load()


def test_every_field_has_a_variable_of_its_own_and_a_sentence() -> None:
    """No two settings share a variable, and each is explained."""
    names = [variable(group, each.name) for group, each in FIELDS]
    assert len(set(names)) == len(names)
    assert all(name.startswith("TURNOUT_") and name == name.upper() for name in names)
    assert all(each.metadata["doc"].endswith(".") for _, each in FIELDS)


@pytest.mark.parametrize(("group", "each"), FIELDS, ids=[variable(group, each.name) for group, each in FIELDS])
def test_every_field_is_read(group: str, each: Any) -> None:
    """Its variable sets it and nothing else."""
    special = {
        "backend": "process", "apex": "example.app", "regions": "eu-1", "region": "eu-1", "builder": "classic",
        "folders": "pack", "access_log": "off",
        "private_addresses": "allow", "resolvers": "127.0.0.1:5353, ::1",
        "tls_port": "443", "redirect": "off",
        "email": "ops@example.com", "directory": "https://ca.example/directory", "key_type": "rsa",
    }  # fmt: skip
    given = special.get(each.name, "7" if not isinstance(each.default, str) else "elsewhere")
    settings = load(**{variable(group, each.name): given})
    assert getattr(getattr(settings, group), each.name) == type(each.default)(given)
    changed = [
        (one, other.name)
        for one, other in FIELDS
        if getattr(getattr(settings, one), other.name) != getattr(getattr(load(), one), other.name)
    ]
    assert changed == [(group, each.name)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("TURNOUT_API_PORT", "http"),
        ("TURNOUT_DNS_RESOLVERS", "dns.example.com"),
        ("TURNOUT_DNS_RESOLVERS", "127.0.0.1:0"),
        ("TURNOUT_DNS_RESOLVERS", "127.0.0.1, [::1"),
        ("TURNOUT_DOMAINS_PRIVATE_ADDRESSES", "yes"),
        ("TURNOUT_ACME_EMAIL", "yes"),
        ("TURNOUT_ACME_DIRECTORY", "letsencrypt"),
        ("TURNOUT_ACME_KEY_TYPE", "dsa"),
        ("TURNOUT_API_PORT", "80.5"),
        ("TURNOUT_API_PORT", "-1"),
        ("TURNOUT_API_PORT", "65536"),
        ("TURNOUT_GATEWAY_PORT", "99999"),
        ("TURNOUT_RESTATE_WORKER_PORT", "70000"),
        ("TURNOUT_API_UPLOAD_MIB", "0"),
        ("TURNOUT_API_BODY_KIB", "-5"),
        ("TURNOUT_GATEWAY_TLS_PORT", "on"),
        ("TURNOUT_GATEWAY_TLS_PORT", "65536"),
        ("TURNOUT_GATEWAY_REDIRECT", "yes"),
        ("TURNOUT_GATEWAY_HSTS_SECONDS", "-1"),
        ("TURNOUT_GATEWAY_DRAIN_SECONDS", "soon"),
        ("TURNOUT_GATEWAY_DRAIN_SECONDS", "nan"),
        ("TURNOUT_GATEWAY_DRAIN_SECONDS", "inf"),
        ("TURNOUT_GATEWAY_DRAIN_SECONDS", "-0.1"),
        ("TURNOUT_DEPLOY_STEP_SECONDS", "0"),
        ("TURNOUT_DEPLOY_DEADLINE_SECONDS", "nan"),
        ("TURNOUT_GATEWAY_APEX", "not a host"),
        ("TURNOUT_GATEWAY_APEX", "a." * 100 + "b"),
        ("TURNOUT_DEPLOY_REGIONS", " , "),
        ("TURNOUT_DEPLOY_REGIONS", "eu-1,Mars"),
        ("TURNOUT_KRANE_REGION", "../x"),
        ("TURNOUT_KRANE_BACKEND", "podman"),
    ],
)
def test_an_error_names_the_variable_and_the_value(name: str, text: str) -> None:
    """Nobody has to search for what is wrong."""
    with pytest.raises(Invalid) as refused:
        load(**{name: text})
    assert refused.value.detail.startswith(f"cannot read {name}: {text!r}")


def test_an_empty_variable_counts_as_not_set() -> None:
    """As files of environment variables and containers often have it."""
    empty = {variable(group, each.name): "" for group, each in FIELDS}
    assert load(**empty, TURNOUT_DATABASE_URL="") == load()


def test_regions_are_named_once() -> None:
    """Spaces and repeats make no difference."""
    assert load(TURNOUT_DEPLOY_REGIONS=" eu-1, us-1 ,eu-1,").regions == ("eu-1", "us-1")


def test_the_apex_is_kept_as_it_is_compared() -> None:
    """Lower case, without a trailing dot."""
    assert load(TURNOUT_GATEWAY_APEX="Example.App.").gateway.apex == "example.app"


def test_the_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """TURNOUT_HOME, else the platform's place for state; always an absolute path."""
    monkeypatch.setenv("HOME", "/home/ada")
    assert load_settings({"TURNOUT_HOME": "~/t"}).home == Path("/home/ada/t")
    assert load_settings({"TURNOUT_HOME": "t"}).home == Path.cwd() / "t"
    assert load_settings({"XDG_DATA_HOME": "/data"}).home == Path("/data/turnout")
    assert load_settings({}).home == Path("/home/ada/.local/share/turnout")
    assert load_settings({"TURNOUT_HOME": ""}).home == Path("/home/ada/.local/share/turnout")


def test_the_store() -> None:
    """Where TURNOUT_DATABASE_URL says, else a file in the home."""
    url = "postgresql+asyncpg://turnout@db/turnout"
    assert load(TURNOUT_DATABASE_URL=url).database_url == url


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an argument the settings are those of this process."""
    monkeypatch.setenv("TURNOUT_HOME", "/srv/other")
    monkeypatch.setenv("TURNOUT_API_PORT", "1234")
    settings = load_settings()
    assert (settings.home, settings.api.port) == (Path("/srv/other"), 1234)
