"""Command lines without a shell, and output made readable."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.rows import Row
from turnout.krane.command import expand, explain_output, readable, split_command

ENVIRONMENT = {"PORT": "4000", "HOME": "/h"}


@pytest.mark.fault(Row.HOSTILE)
@pytest.mark.parametrize(
    ("word", "expanded"),
    [
        ("--port=$PORT", "--port=4000"),
        ("${PORT}0", "40000"),
        ("$PORTAL", "$PORTAL"),
        ("$$PORT", "$4000"),
        ("echo $$", "echo $$"),
        ("$UNKNOWN ${UNKNOWN}", "$UNKNOWN ${UNKNOWN}"),
        ("$(reboot) `reboot` ; | &", "$(reboot) `reboot` ; | &"),
        ("${PORT", "${PORT"),
    ],
)
def test_known_names_are_replaced_and_nothing_else(word: str, expanded: str) -> None:
    """No shell takes part: what only a shell understands stays text."""
    assert expand(word, ENVIRONMENT) == expanded


def test_leading_assignments_become_environment() -> None:
    """`A=1 B=$A cmd C=3`: the first two are environment, in order; the third is an argument."""
    words, environment = split_command(("A=1", "B=$A-$PORT", "cmd", "C=3", "$B"), ENVIRONMENT)
    assert words == ["cmd", "C=3", "1-4000"]
    assert environment == {**ENVIRONMENT, "A": "1", "B": "1-4000"}


@pytest.mark.fault(Row.HOSTILE)
def test_variables_are_environment_and_never_arguments() -> None:
    """Everybody reads the arguments of a process; what the command line assigns goes before, as in a shell."""
    secrets = {"KEY": "s3cr3t", "MODE": "secret", "HOST": "::"}
    words, environment = split_command(
        ("MODE=web", "COPY=$KEY", "cmd", "$KEY", "${KEY}", "$MODE"), ENVIRONMENT, secrets
    )
    assert words == ["cmd", "$KEY", "${KEY}", "web"]
    assert environment == {**ENVIRONMENT, **secrets, "MODE": "web", "COPY": "$KEY"}


@pytest.mark.fault(Row.HOSTILE)
def test_identity_cannot_be_assigned() -> None:
    """An app cannot pass for another instance."""
    _, environment = split_command(("TURNOUT_INSTANCE_ID=ins_x", "cmd"), ENVIRONMENT)
    assert environment == ENVIRONMENT


@given(st.binary(max_size=3000))
def test_output_becomes_printable(output: bytes) -> None:
    """Whatever an app prints, nothing of it can move a cursor or reorder a line."""
    lines = readable(output).replace("\t", " ").split("\n")
    assert all(line.isprintable() or max(line) >= "\u00a0" for line in lines if line)
    assert not set(readable(output)) & {chr(code) for code in [*range(9), *range(11, 32), *range(127, 160)]}


@pytest.mark.fault(Row.HOSTILE)
def test_escape_sequences_go_with_all_they_say() -> None:
    """Colours, titles and links leave only the text."""
    raw = b"\x1b[1;31mred\x1b[0m \x1b]0;title\x07\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\\r\n\r\n50%\r100%\n"
    assert readable(raw) == "red link\n50%\n100%"


@given(st.text(max_size=200), st.binary(max_size=20000))
def test_reasons_are_short(sentence: str, output: bytes) -> None:
    """At most 15 lines and 4000 characters, the end rather than the beginning."""
    reason = explain_output(sentence, output)
    assert len(reason) <= 4000
    assert reason.startswith(sentence)


def test_reason_quotes_the_last_lines() -> None:
    """Fifteen of them."""
    output = b"".join(b"line %d\n" % number for number in range(100))
    assert explain_output("exited", output) == "exited; it printed:\n" + "\n".join(f"line {n}" for n in range(85, 100))
    assert explain_output("exited", b" \n\n") == "exited; it printed nothing"
