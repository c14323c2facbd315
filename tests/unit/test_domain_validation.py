"""`[openapi]` of a manifest, and the way of what it says to the sentinel config of a domain."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.domain.documents import DeployBody
from turnout.domain.errors import Invalid
from turnout.domain.manifest import parse_manifest
from turnout.domain.sentinel import SentinelConfig, from_json, to_json
from turnout.domain.validation import BODY_KIB, Validation, check_skips

validations = st.builds(
    Validation,
    enabled=st.booleans(),
    skip=st.lists(st.sampled_from(["/docs", "/upload/*", "/*/x"]), max_size=3).map(tuple),
    max_body_kib=st.none() | st.integers(int(BODY_KIB.low), int(BODY_KIB.high)),
)


def test_all_of_it_in_a_manifest() -> None:
    """Off unless it is asked for."""
    text = '[openapi]\nvalidate = true\nskip = ["/docs", "/upload/*"]\nmax_body_kib = 64\n'
    assert parse_manifest(text).validation == Validation(enabled=True, skip=("/docs", "/upload/*"), max_body_kib=64)
    assert parse_manifest("").validation == Validation()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("validate = 1", "line 2: openapi.validate has to be true or false"),
        ('skip = "/docs"', "line 2: openapi.skip has to be a list of paths"),
        ('skip = ["docs"]', "line 2: openapi.skip holds 'docs', which is no path"),
        ('skip = ["/a", "//b"]', "holds '//b'"),
        ('skip = ["/a/**"]', "holds '/a/**'"),
        ('skip = ["/a/../b"]', "holds '/a/../b'"),
        ('skip = ["/a%2fb"]', "holds '/a%2fb'"),
        ('skip = ["/a?b"]', "holds '/a?b'"),
        (f"skip = {json.dumps(['/a'] * 33)}", "holds too many: 32 are the most"),
        ("max_body_kib = 0", "has to be a whole number from 1 to 4096"),
        ("max_body_kib = 4097", "has to be a whole number from 1 to 4096"),
        ('validates = "yes"', "[openapi] has no setting 'validates'"),
    ],
)
def test_what_a_manifest_may_not_say(line: str, says: str) -> None:
    """One plain sentence, with the line; and the API says no to the same."""
    with pytest.raises(Invalid, match=re.escape(says)):
        parse_manifest(f"[openapi]\n{line}\n")
    key, _, value = line.partition(" = ")
    if key in ("skip", "max_body_kib"):
        with pytest.raises(ValueError, match=key):
            DeployBody.model_validate({"image": "a:1", "validation": {key: json.loads(value)}})


@given(validations, st.none() | st.just("ab12"))
def test_the_sentinel_config_round_trips(validation: Validation, spec_id: str | None) -> None:
    """And the same config is always the same text."""
    config = SentinelConfig(deployment_id="dep_1", openapi_spec_id=spec_id, validation=validation)
    assert from_json(to_json(config)) == config
    assert to_json(from_json(to_json(config))) == to_json(config)
    assert DeployBody.model_validate_json(DeployBody(validation=validation).model_dump_json()).validation == validation


def test_as_a_person_reads_it() -> None:
    """Beside the document it is about."""
    on = Validation(enabled=True, skip=("/docs",), max_body_kib=64)
    text = to_json(SentinelConfig(deployment_id="dep_1", openapi_spec_id="ab12", validation=on))
    assert json.loads(text)["validationConfig"] == {
        "openapiSpecId": "ab12", "isEnabled": True, "skip": ["/docs"], "maxBodyKib": 64
    }  # fmt: skip


def test_a_config_from_before_checks_nothing() -> None:
    """It names the document, and says nothing of checks."""
    text = '{"deployment": {"id": "d", "isEnabled": true}, "vms": [], "validationConfig": {"openapiSpecId": "ab"}}'
    assert from_json(text).openapi_spec_id == "ab"
    assert from_json(text).validation == Validation()


@pytest.mark.parametrize(
    "told", [None, [], {"isEnabled": 1}, {"skip": "/x"}, {"skip": ["x"]}, {"skip": [1]}, {"maxBodyKib": True},
             {"maxBodyKib": 0}, {"openapiSpecId": 5}]
)  # fmt: skip
def test_half_a_policy_is_none(told: object) -> None:
    """A config that cannot be understood is refused whole."""
    document = {"deployment": {"id": "d", "isEnabled": True}, "vms": [], "validationConfig": told}
    with pytest.raises(Invalid, match="cannot read a sentinel config"):
        from_json(json.dumps(document))


def test_patterns_of_skip() -> None:
    """Those that say what they seem to say."""
    good = ("/", "/docs", "/upload/*", "/*/stream", "/a-b_c.d~e/*.js", "/*")
    assert check_skips(good) == good
