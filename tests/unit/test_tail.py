"""Reading a file that somebody else writes and rotates."""

from __future__ import annotations

import random
from pathlib import Path

from turnout.tail import Tail


class Log:
    """Writes as Envoy does: into the file that it has open, until it is told to open it anew."""

    def __init__(self, folder: Path) -> None:
        self.path, self.older = folder / "log", folder / "log.1"
        self._file = self.path.open("ab")

    def write(self, *lines: str, end: str = "\n") -> None:
        self._file.write("".join(line + end for line in lines).encode())
        self._file.flush()

    def move(self) -> None:
        self.path.replace(self.older)

    def reopen(self) -> None:
        self._file.close()
        self._file = self.path.open("ab")

    def tail(self, **more: object) -> Tail:
        return Tail(self.path, self.older, **more)  # type: ignore[arg-type]


def read(tail: Tail) -> list[str]:
    """Everything that is there."""
    found: list[str] = []
    while lines := tail.lines():
        found += [line.decode() for line in lines]
    return found


def test_nothing_is_there_yet(tmp_path: Path) -> None:
    """The file may come later."""
    with Tail(tmp_path / "log", tmp_path / "log.1") as tail:
        assert read(tail) == []
        assert tail.position is None
        Log(tmp_path).write("a")
        assert read(tail) == ["a"]


def test_a_line_is_read_when_it_is_whole(tmp_path: Path) -> None:
    """Half of one waits for the rest."""
    log = Log(tmp_path)
    with log.tail() as tail:
        log.write("a", "b", end="|")
        assert read(tail) == []
        log.write("c")
        assert read(tail) == ["a|b|c"]


def test_the_older_file_comes_first(tmp_path: Path) -> None:
    """And is read once."""
    log = Log(tmp_path)
    log.write("a", "b")
    log.move()
    log.reopen()
    log.write("c")
    with log.tail() as tail:
        assert read(tail) == ["a", "b", "c"]
        assert read(tail) == []


def test_lines_that_still_come_into_the_moved_file_are_read(tmp_path: Path) -> None:
    """Until the writer opens the file anew, which is the sign that nothing more comes."""
    log = Log(tmp_path)
    with log.tail() as tail:
        log.write("a")
        assert read(tail) == ["a"]
        log.move()
        log.write("b")
        assert read(tail) == ["b"]
        log.write("c")
        log.reopen()
        log.write("d")
        assert read(tail) == ["c", "d"]


def test_two_rotations_between_two_looks(tmp_path: Path) -> None:
    """The file that was open, the one that was moved aside after it, and the newest."""
    log = Log(tmp_path)
    with log.tail() as tail:
        log.write("a")
        assert read(tail) == ["a"]
        for line in ("b", "c"):
            log.write(line)
            log.move()
            log.reopen()
        log.write("d")
        assert read(tail) == ["b", "c", "d"]


def test_somebody_else_goes_on_where_one_stopped(tmp_path: Path) -> None:
    """Also when the file has another name by then; what is gone is begun with what is left."""
    log = Log(tmp_path)
    log.write("a", "b")
    with log.tail() as tail:
        assert read(tail) == ["a", "b"]
        stopped = tail.position
    log.write("c")
    log.move()
    log.reopen()
    log.write("d")
    with log.tail(after=stopped) as tail:
        assert read(tail) == ["c", "d"]
        stopped = tail.position
    for line in ("e", "f"):
        log.move()
        log.reopen()
        log.write(line)
    with log.tail(after=stopped) as tail:
        assert read(tail) == ["e", "f"]


def test_whatever_happens_in_whatever_order_each_line_is_read_once(tmp_path: Path) -> None:
    """Writes, rotations, looks and successors at random: no line is lost, none comes twice."""
    for seed in range(200):
        dice = random.Random(seed)
        folder = tmp_path / str(seed)
        folder.mkdir()
        log, written, found, moved = Log(folder), 0, [], False
        tail = log.tail()
        for _ in range(60):
            deed = dice.randrange(6)
            if deed < 3:
                log.write(str(written))
                written += 1
            elif deed == 3 and not moved:
                found += read(tail)  # the reader of the gateway looks before it rotates
                log.move()
                moved = True
            elif deed == 4 and moved:
                log.reopen()
                moved = False
            elif deed == 5:
                found += read(tail)
                if dice.random() < 0.3:
                    stopped = tail.position
                    tail.close()
                    tail = log.tail(after=stopped)
        found += read(tail)
        tail.close()
        assert found == [str(number) for number in range(written)], seed
