"""Which names can be custom domains, and how they are written down."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.domain.custom_domains import DOMAIN_MAX, Standing, check_domain, may_claim, pause_after, readable
from turnout.domain.errors import Invalid
from turnout.domain.hostnames import Naming, candidates
from turnout.domain.ids import new_id
from turnout.domain.records import GitData, Sticky

APEX = "turn.example"
LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True).filter(lambda label: label[:4] != "xn--")
TOP = st.from_regex(r"[a-z]{2,10}", fullmatch=True)


@pytest.mark.parametrize(
    ("typed", "fqdn"),
    [
        ("app.example.com", "app.example.com"),
        ("  App.EXAMPLE.com. ", "app.example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
        ("app\u3002example\uff0ecom", "app.example.com"),
        ("ab--cd.example.com", "ab--cd.example.com"),
        ("1.2.3.com", "1.2.3.com"),
        ("turn.example.com", "turn.example.com"),
        ("xturn.example", "xturn.example"),
    ],
)
def test_names_are_written_as_dns_has_them(typed: str, fqdn: str) -> None:
    """Lower case, A-labels, no trailing dot; and writing them again changes nothing."""
    assert check_domain(typed, apex=APEX) == fqdn
    assert check_domain(fqdn, apex=APEX) == fqdn


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("", "empty"),
        (" . ", "empty"),
        ("*.example.com", "wildcard"),
        ("https://app.example.com/", "URL"),
        ("app.example.com/path", "URL"),
        ("app.example.com:8080", "port"),
        ("192.0.2.1", "IP address"),
        ("::1", "IP address"),
        ("[2001:db8::1]", "IP address"),
        ("[::1]:80", "IP address"),
        ("fe80::1%eth0", "IP address"),
        ("127.1", "IP address"),
        ("0x7f.1", "IP address"),
        ("a.0x1f", "IP address"),
        ("localhost", "one label"),
        ("com", "one label"),
        ("shop.turn.example", "Turnout's own"),
        ("Turn.Example.", "Turnout's own"),
        ("a.b.turn.example", "Turnout's own"),
        ("a_b.example.com", "not a legal"),
        ("-a.example.com", "not a legal"),
        ("a..example.com", "not a legal"),
        ("a.example.com..", "not a legal"),
        ("a b.example.com", "not a legal"),
        ("a\n.example.com", "not a legal"),
        (f"{'a' * 64}.com", "not a legal"),
        ("xn--zzzzzzzzz99.example", "not a legal"),
        ("xn--.example", "not a legal"),
        ("\ud800.example", "not a legal"),
        ("שa.example", "different directions"),
        (".".join(["a" * 60] * 4) + ".com", "longer than 244"),
        ("ü" * 5000 + ".com", "longer than 244"),
    ],
)
def test_what_can_be_no_custom_domain(typed: str, why: str) -> None:
    """One short sentence that quotes it, and the reason."""
    with pytest.raises(Invalid, match=why) as refused:
        check_domain(typed, apex=APEX)
    assert refused.value.detail.startswith("cannot use ")
    assert len(refused.value.detail) < 300
    assert "\n" not in refused.value.detail


@given(st.lists(LABEL, min_size=1, max_size=6), TOP)
def test_every_plain_name_is_its_own_spelling(labels: list[str], top: str) -> None:
    """Whatever is legal, has two labels and is not Turnout's own passes as it is."""
    name = ".".join([*labels, top])
    assert check_domain(name.upper() + ".", apex=APEX) == name


@given(st.text(max_size=300))
def test_any_text_is_a_legal_name_or_refused(text: str) -> None:
    """Nothing else gets through, and no other error than Invalid comes out."""
    try:
        fqdn = check_domain(text, apex=APEX)
    except Invalid:
        return
    assert len(fqdn) <= DOMAIN_MAX
    assert re.fullmatch(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]*[a-z-][a-z0-9-]*", fqdn)
    assert check_domain(fqdn, apex=APEX) == fqdn


@given(st.text(st.characters(categories=["Ll", "Lo"]), min_size=1, max_size=15))
def test_every_script_comes_back_as_it_was_meant(label: str) -> None:
    """What is shown encodes to the same name again."""
    try:
        fqdn = check_domain(f"{label}.example", apex=APEX)
    except Invalid:
        return
    assert check_domain(readable(fqdn), apex=APEX) == fqdn


def test_who_may_ask_for_a_name() -> None:
    """Nobody has it, and it is not one too many. Another workspace's project is not named."""
    free = Standing(holder=None, is_of_workspace=False, is_generated=False, claimed=1, limit=2)
    assert may_claim("a.example", free) is None
    refusals = {
        "the project blog": Standing(holder="blog", is_of_workspace=True, is_generated=False, claimed=0, limit=2),
        "somebody else": Standing(holder="secret", is_of_workspace=False, is_generated=False, claimed=0, limit=2),
        "earlier apex": Standing(holder=None, is_of_workspace=False, is_generated=True, claimed=0, limit=2),
        "no more than 2": Standing(holder=None, is_of_workspace=False, is_generated=False, claimed=2, limit=2),
    }
    for words, standing in refusals.items():
        refusal = may_claim("a.example", standing)
        assert refusal is not None
        assert words in refusal.detail
        assert "secret" not in refusal.detail


@given(st.integers(0, 10**6), st.floats(0.1, 100), st.floats(100, 10_000))
def test_pauses_grow_up_to_the_longest(check: int, first: float, longest: float) -> None:
    """Never shorter than the first one, never longer than the longest."""
    pause = pause_after(check, first=first, longest=longest)
    assert first <= pause <= longest
    assert pause <= pause_after(check + 1, first=first, longest=longest)


@pytest.mark.parametrize(
    ("environment", "live", "takes"),
    [("production", True, True), ("production", False, False), ("preview", True, False)],
)
def test_only_what_goes_live_takes_them(environment: str, live: bool, takes: bool) -> None:
    """Custom domains follow the live deployment, and are asked for by name, with no second choice."""
    naming = Naming(
        project="shop",
        environment=environment,
        workspace="acme",
        apex=APEX,
        deployment_id=new_id("dep"),
        git=GitData(),
        custom=("a.example.com", "b.example.com"),
    )
    wanted = {each.names: each.sticky for each in candidates(naming, live=live)}
    for name in naming.custom:
        assert wanted.get((name,)) == (Sticky.LIVE if takes else None)
