"""The generated pages of the docs."""

from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path
from types import ModuleType

import pytest

from turnout.api.routes import ROUTES
from turnout.domain.errors import Invalid
from turnout.domain.findings import FindingKind
from turnout.domain.manifest import parse_manifest
from turnout.settings import GROUPS

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_docs", ROOT / "scripts" / "generate_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A repository with nothing but its docs."""
    shutil.copytree(DOCS, tmp_path / "docs")
    return tmp_path


def test_the_docs_are_up_to_date(script: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """What the pages say is what the code says; `make docs` writes them again."""
    assert script.main(["--check"]) == 0, capsys.readouterr().err


@pytest.mark.parametrize("page", ["docs/settings.md", "docs/api.md", "docs/architecture.md"])
def test_a_page_that_is_out_of_date_is_found_and_written(
    script: ModuleType, copy: Path, page: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--check` names the page and leaves it alone; without it the page is written again."""
    before = (copy / page).read_text()
    changed = re.sub("8000|/v1/status|pending --> failed", "something else", before)
    assert changed != before
    (copy / page).write_text(changed)
    assert script.main(["--check", "--root", str(copy)]) == 1
    assert page in capsys.readouterr().err
    assert (copy / page).read_text() == changed
    assert script.main(["--root", str(copy)]) == 0
    assert (copy / page).read_text() == before


def test_a_missing_page_is_written(script: ModuleType, copy: Path) -> None:
    """As after a fresh start."""
    (copy / "docs" / "api.md").unlink()
    assert script.main(["--check", "--root", str(copy)]) == 1
    assert script.main(["--root", str(copy)]) == 0
    assert (copy / "docs" / "api.md").exists()


def test_the_diagram_needs_its_place(script: ModuleType) -> None:
    """A page that lost its markers is not silently left without the diagram."""
    with pytest.raises(ValueError, match="no place for what is generated"):
        script.with_diagram("# Architecture")


def test_every_setting_is_explained(script: ModuleType) -> None:
    """One row for each field of each group."""
    page = script.settings_page()
    rows = re.findall(r"^\| `(TURNOUT_\w+)` \| (.+?) \| (.+) \|$", page, re.MULTILINE)
    assert len({name for name, _, _ in rows}) == len(rows)
    assert len(rows) == 8 + sum(len(kind.__dataclass_fields__) for kind in GROUPS.values())


def test_every_field_of_a_manifest_is_explained(script: ModuleType) -> None:
    """The page has the tables and settings that a manifest may have, as its own errors list them."""
    with pytest.raises(Invalid) as refused:
        parse_manifest("[nonsense]")
    tables = refused.value.detail.partition("known are ")[2].split(", ")
    known = set()
    for table in tables:
        with pytest.raises(Invalid) as refused:
            parse_manifest(f"[{table}]\nnonsense = 1")
        known |= {(table, key) for key in refused.value.detail.partition("known are ")[2].split(", ")}
    assert script.manifest_fields() == known


def test_every_route_is_listed(script: ModuleType) -> None:
    """One row for each route, and each says what it does."""
    rows = re.findall(r"^\| `(\w+) (/.*?)` \| \d+ \| .+? \| .+\. \|$", script.api_page(), re.MULTILINE)
    assert rows == [(route.method, route.path) for route in ROUTES]


def test_links_lead_somewhere() -> None:
    """Every relative link of the docs names a file that exists."""
    for page in DOCS.rglob("*.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"


def test_files_that_are_named_exist() -> None:
    """The architecture page names files; it is wrong as soon as one of them is renamed."""
    text = (DOCS / "architecture.md").read_text()
    for name in re.findall(r"`((?:[a-z_]+/)+[a-z_]*(?:\.py)?|[a-z_]+\.py)`", text):
        assert any((base / name).exists() for base in (ROOT, ROOT / "src" / "turnout")), name


def test_the_guide_of_findings_has_each_kind_once() -> None:
    """In the order of the code, and nothing that is found no more."""
    told = re.findall(r"^\| `([a-z-]+)` \|", (DOCS / "guides" / "findings.md").read_text(), re.MULTILINE)
    assert told == [kind.value for kind in FindingKind]
