"""A base image with this machine's own Python in it: no registry can be reached from where the tests run."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import sysconfig
import tarfile
from functools import cache
from pathlib import Path

import pip

from tests.support import _BUSYBOX, require

_NOT_NEEDED = {"site-packages", "dist-packages", "test", "tests", "idlelib", "tkinter", "turtledemo", "__pycache__"}
_PROGRAMS = ("sh", "cat", "echo", "env", "mkdir", "ls", "sleep", "rm")


@cache
def python_image() -> str:
    """The name of the image: python3 with pip, the libraries it needs, a shell."""
    require("docker")
    require("busybox")
    name = f"turnout-test/python:{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}-1"
    if subprocess.run(["docker", "image", "inspect", name], capture_output=True, check=False).returncode:
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as root:
            _fill(root)
        importing = ["docker", "import", "--change", "ENV PATH=/usr/bin:/bin", "--change", "ENV HOME=/tmp", "-", name]
        subprocess.run(importing, input=archive.getvalue(), check=True, capture_output=True)
    return name


def _fill(root: tarfile.TarFile) -> None:
    """The interpreter as /usr/bin/python3, its library as /usr/lib/python3.N, everything else where it lies here."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    program, library = Path(sys.executable).resolve(), Path(sysconfig.get_path("stdlib"))
    root.add(program, f"usr/bin/{version}")
    _link(root, "usr/bin/python3", version)
    root.add(library, f"usr/lib/{version}", filter=_needed)
    root.add(Path(pip.__file__).parent, f"usr/lib/{version}/site-packages/pip", filter=_needed)
    modules = [program, *library.glob("lib-dynload/*.so")]
    for needed in sorted({each for module in modules for each in _libraries(module)}):
        root.add(Path(needed).resolve(), needed.lstrip("/"))
    root.add(_BUSYBOX.resolve(), "bin/busybox")
    for word in _PROGRAMS:
        _link(root, f"bin/{word}", "busybox")
    for folder, mode in (("tmp", 0o1777), ("etc", 0o755)):
        entry = tarfile.TarInfo(folder)
        entry.type, entry.mode = tarfile.DIRTYPE, mode
        root.addfile(entry)
    users = b"root:x:0:0::/tmp:/bin/sh\nnobody:x:65534:65534::/tmp:/bin/sh\n"
    entry = tarfile.TarInfo("etc/passwd")
    entry.size = len(users)
    root.addfile(entry, io.BytesIO(users))


def _link(root: tarfile.TarFile, name: str, target: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, target
    root.addfile(entry)


def _needed(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    name = Path(entry.name).name
    return None if name in _NOT_NEEDED or name.startswith("config-") or name.endswith(".a") else entry


def _libraries(module: Path) -> list[str]:
    """The shared libraries that a program or module is loaded with."""
    told = subprocess.run(["ldd", str(module)], capture_output=True, text=True, check=False).stdout
    return re.findall(r"(/\S+) \(0x", told)
