"""What a folder says about itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from turnout.cli.source import read_app, read_git
from turnout.domain.errors import Invalid


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder."""
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false")
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with an app in a folder of it, and a sibling."""
    app = tmp_path / "repository" / "app"
    app.mkdir(parents=True)
    (app / "app.py").write_text("1")
    (app.parent / "sibling").write_text("1")
    git(app.parent, "init", "--quiet", "--initial-branch=trunk")
    git(app.parent, "add", ".")
    git(app.parent, "commit", "--quiet", "-m", "first; rm -rf /")
    return app


def test_turnout_toml_comes_first_and_names_the_project(tmp_path: Path) -> None:
    """Its run command wins over the Procfile's."""
    (tmp_path / "turnout.toml").write_text('[project]\nname = "hello"\n[run]\ncommand = "a"\n')
    (tmp_path / "Procfile").write_text("web: b\n")
    app = read_app(tmp_path, needs_run=True)
    assert app.project == "hello"
    assert app.manifest.run_command == ("a",)


def test_a_procfile_serves_and_the_folder_names_the_project(tmp_path: Path) -> None:
    """The settings of turnout.toml stay beside it."""
    folder = tmp_path / "My App"
    folder.mkdir()
    (folder / "Procfile").write_text("web: python app.py\n")
    (folder / "turnout.toml").write_text("[resources]\nreplicas = 3\n")
    app = read_app(folder, needs_run=True)
    assert app.project == "my-app"
    assert app.manifest.run_command == ("python", "app.py")
    assert app.manifest.resources.replicas == 3


def test_a_dockerfile_is_enough(tmp_path: Path) -> None:
    """It says itself what runs."""
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    assert read_app(tmp_path, needs_run=True).dockerfile


def test_nothing_to_run_says_what_to_write(tmp_path: Path) -> None:
    """With an example; an image does not need it."""
    with pytest.raises(Invalid, match=r"(?s)turnout\.toml.*\[run\].*Procfile.*Dockerfile"):
        read_app(tmp_path, needs_run=True)
    assert read_app(tmp_path, needs_run=False).manifest.run_command == ()


def test_a_folder_that_is_none_and_a_file_that_is_no_text_are_refused(tmp_path: Path) -> None:
    """Plainly."""
    with pytest.raises(Invalid, match="no such folder"):
        read_app(tmp_path / "nowhere", needs_run=True)
    (tmp_path / "turnout.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(Invalid, match=r"turnout\.toml"):
        read_app(tmp_path, needs_run=True)


def test_git_is_read_and_only_changes_of_the_folder_itself_make_it_dirty(repository: Path) -> None:
    """What changes elsewhere in the repository is not deployed from here."""
    (repository.parent / "sibling").write_text("2")
    clean = read_git(repository)
    assert clean.branch == "trunk"
    assert clean.commit_sha == git(repository, "rev-parse", "HEAD")
    assert clean.commit_message == "first; rm -rf /"
    assert not clean.dirty
    (repository / "new").write_text("2")
    assert read_git(repository).dirty


def test_a_detached_head_has_no_branch_and_a_new_repository_no_commit(repository: Path, tmp_path: Path) -> None:
    """Unknown is unknown."""
    git(repository, "checkout", "--quiet", "--detach")
    assert read_git(repository).branch is None
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    (fresh / "app.py").write_text("1")
    git(fresh, "init", "--quiet", "--initial-branch=trunk")
    git(fresh, "add", ".")
    body = read_git(fresh)
    assert (body.branch, body.commit_sha, body.dirty) == ("trunk", None, True)


def test_a_folder_that_git_does_not_track_comes_from_nowhere(repository: Path, tmp_path: Path) -> None:
    """Neither one outside of a work tree, nor one that lies untracked inside."""
    untracked = repository / "build"
    untracked.mkdir()
    (untracked / "app.py").write_text("1")
    for folder in (untracked, tmp_path):
        assert read_git(folder).commit_sha is None
        assert read_git(folder).branch is None


def test_what_is_typed_is_believed_or_refused(repository: Path) -> None:
    """A commit that was named is not dirty: whoever names it knows."""
    (repository / "new").write_text("2")
    given = read_git(repository, branch="other", commit="a" * 40)
    assert (given.branch, given.commit_sha, given.dirty) == ("other", "a" * 40, False)
    for wrong in ("xyz", "A" * 40, "a" * 6, "--version"):
        with pytest.raises(Invalid, match="--commit"):
            read_git(repository, commit=wrong)
    for wrong in ("", "a\nb", "x" * 256):
        with pytest.raises(Invalid, match="--branch"):
            read_git(repository, branch=wrong)
