"""The Dockerfile of a folder that has none."""

from __future__ import annotations

import pytest

from turnout.builds.dockerfile import generate
from turnout.domain.errors import Invalid


def test_python_with_requirements() -> None:
    """All of it, as a golden text."""
    assert generate({"requirements.txt", "app.py"}, run_command=("gunicorn", "-b", "0.0.0.0:$PORT", "app:app")) == (
        "# a Python app with requirements.txt: made by Turnout, because the folder has no Dockerfile\n"
        "FROM python:3.13-slim\n"
        "WORKDIR /app\n"
        "ENV PYTHONUNBUFFERED=1 NODE_ENV=production PORT=8080\n"
        "COPY . ./\n"
        "RUN python3 -m pip install --no-cache-dir -r requirements.txt\n"
        "USER 65534:65534\n"
        "EXPOSE 8080\n"
        'CMD ["sh", "-c", "exec gunicorn -b 0.0.0.0:\\"$PORT\\" app:app"]\n'
    )


def test_node() -> None:
    """Dependencies first, so that the engine keeps their layer; npm starts what package.json says."""
    text = generate({"package.json", "package-lock.json", "server.js"})
    assert text.index("COPY [") < text.index("RUN npm ci --omit=dev") < text.index("COPY . ./")
    assert 'CMD ["sh", "-c", "exec npm start --silent"]' in text


@pytest.mark.parametrize(
    ("files", "command", "base"),
    [
        ({"pyproject.toml"}, ("serve",), "python:3.13-slim"),
        ({"package.json"}, (), "node:22-slim"),
        ({"index.html"}, (), "python:3.13-alpine"),
        ({"server"}, ("./server",), "debian:stable-slim"),
    ],
)
def test_kinds(files: set[str], command: tuple[str, ...], base: str) -> None:
    """By what lies at the top of the folder; the base image can be another one."""
    assert f"\nFROM {base}\n" in generate(files, run_command=command)
    assert "\nFROM mine:1\n" in generate(files, run_command=command, base="mine:1")


def test_nothing_is_known() -> None:
    """It says what to add."""
    with pytest.raises(Invalid, match="add a Dockerfile"):
        generate({"notes.txt"})


def test_no_word_becomes_code() -> None:
    """What a shell would act upon stays a word, except for the port."""
    text = generate(
        {"x"}, run_command=("./x", "$(reboot)", "a b", "--at=${PORT}/$HOME"), build_command=("echo", "$(x)")
    )
    assert r"""exec ./x '$(reboot)' 'a b' --at=\"$PORT\"'/$HOME'""" in text
    assert 'RUN ["echo", "$(x)"]' in text
    assert len(text.splitlines()) == 9
