from __future__ import annotations

import hashlib
import os
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from fairlead.data import fetch as fetching
from fairlead.data.bundled import bundled_csv
from fairlead.data.fetch import fetch
from fairlead.errors import DigestMismatchError, FetchError, StorageError
from fairlead.project.spec import SourceSpec

CONTENT = b"".join(b"%d,%d\n" % (i, i * i) for i in range(100_000))
SHA256 = hashlib.sha256(CONTENT).hexdigest()
IRIS_SHA256 = "9cc1c345c71bcc9b486b74cbf6063fa66f4bb5e0f603a4b3c3471ec2e5e8e355"


class Server(ThreadingHTTPServer):
    """Serves one file; what it is told to do wrong, it does."""

    content = CONTENT
    cuts: list[int]
    """Bytes after which the connection is closed, one for each of the next requests."""
    failures: list[int]
    """Status codes with which the next requests are answered."""
    ranges = True
    requests: list[str | None]
    """The Range header of each request."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/some%20where/squares.csv"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server, asked = self.server, self.headers["Range"]
        server.requests.append(asked)
        if server.failures:
            self.send_error(server.failures.pop(0))
            return
        if not self.path.endswith("/squares.csv"):
            self.send_error(404)
            return
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        size = len(server.content)
        if start >= size:
            self.send_error(416)
            return
        if not server.ranges:
            start = 0
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        self.send_header("Content-Length", str(size - start))
        self.end_headers()
        cut = server.cuts.pop(0) if server.cuts else size
        self.wfile.write(server.content[start : start + cut])

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(fetching, "BACK_OFF_S", 0.001)
    with Server(("127.0.0.1", 0), Handler) as server:
        server.cuts, server.failures, server.requests = [], [], []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def spec(url: str, sha256: str = SHA256) -> SourceSpec:
    return SourceSpec(url=url, sha256=sha256)


def only_file(path: Path) -> bool:
    return [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_file_is_fetched_into_a_new_folder_with_its_progress(
    server: Server, tmp_path: Path
) -> None:
    path = tmp_path / "data" / "raw" / "squares.csv"
    steps: list[tuple[int, int | None]] = []
    result = fetch(spec(server.url), path, progress=lambda *step: steps.append(step))
    assert path.read_bytes() == CONTENT
    assert only_file(path)
    assert (result.path, result.size_bytes, result.origin) == (path, len(CONTENT), server.url)
    assert steps == sorted(steps)
    assert steps[-1] == (len(CONTENT), len(CONTENT))


def test_a_file_with_the_right_digest_is_left_alone(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "squares.csv"
    path.write_bytes(CONTENT)
    result = fetch(spec(server.url), path)
    assert result.origin is None
    assert "already" in str(result)
    assert server.requests == []


def test_a_file_with_another_digest_is_reported_and_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "squares.csv"
    path.write_text("mine\n")
    with pytest.raises(DigestMismatchError) as caught:
        fetch(spec("http://127.0.0.1:1/squares.csv"), path)
    assert (caught.value.path, caught.value.expected) == (path, SHA256)
    assert path.read_text() == "mine\n"


def test_a_connection_that_breaks_is_resumed(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "squares.csv"
    server.cuts = [300_000, 200_000]
    fetch(spec(server.url), path)
    assert path.read_bytes() == CONTENT
    assert server.requests == [None, "bytes=300000-", "bytes=500000-"]


def test_a_later_call_continues_what_an_earlier_one_began(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "squares.csv"
    server.cuts = [100_000, 0, 0, 0, 0]
    with pytest.raises(FetchError, match="ended after 100,000 of"):
        fetch(spec(server.url), path)
    assert not path.exists()
    fetch(spec(server.url), path)
    assert path.read_bytes() == CONTENT
    assert server.requests[-1] == "bytes=100000-"


def test_a_server_without_ranges_is_read_from_the_beginning(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "squares.csv"
    (tmp_path / "squares.csv.part").write_bytes(b"begun elsewhere")
    server.ranges = False
    fetch(spec(server.url), path)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("begun", [b"other bytes", CONTENT, CONTENT + b"more"])
def test_a_part_that_cannot_be_continued_is_fetched_anew(
    server: Server, tmp_path: Path, begun: bytes
) -> None:
    path = tmp_path / "squares.csv"
    (tmp_path / "squares.csv.part").write_bytes(begun)
    fetch(spec(server.url), path)
    assert path.read_bytes() == CONTENT
    assert server.requests == [f"bytes={len(begun)}-", None]


def test_a_wrong_download_is_refused_and_can_be_looked_at(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "squares.csv"
    with pytest.raises(DigestMismatchError) as caught:
        fetch(spec(server.url, "0" * 64), path)
    assert caught.value.actual == SHA256
    assert caught.value.path == tmp_path / "squares.csv.refused"
    assert only_file(caught.value.path)
    assert len(server.requests) == 1


def test_a_server_in_trouble_is_asked_again(server: Server, tmp_path: Path) -> None:
    server.failures = [503, 500, 429]
    fetch(spec(server.url), tmp_path / "squares.csv")
    assert len(server.requests) == 4


@pytest.mark.parametrize(("failures", "requests"), [([404], 1), ([403], 1), ([503] * 9, 5)])
def test_a_refusal_is_reported_with_the_answer(
    server: Server, tmp_path: Path, failures: list[int], requests: int
) -> None:
    server.failures = failures.copy()
    with pytest.raises(FetchError, match=str(failures[0])) as caught:
        fetch(spec(server.url), tmp_path / "squares.csv")
    assert caught.value.url == server.url
    assert len(server.requests) == requests
    assert list(tmp_path.iterdir()) == []


def test_nobody_at_the_address_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "BACK_OFF_S", 0.001)
    with pytest.raises(FetchError, match=r"refused.* 5 times"):
        fetch(spec("http://127.0.0.1:1/squares.csv"), tmp_path / "squares.csv")


def test_a_mirror_stands_in_for_the_source(server: Server, tmp_path: Path) -> None:
    mirror = tmp_path / "a mirror"
    mirror.mkdir()
    (mirror / "squares.csv").write_bytes(CONTENT)
    address = "https://nowhere.invalid/far/squares.csv"
    server_mirror = server.url.removesuffix("squares.csv")
    for number, place in enumerate((str(mirror), mirror.as_uri(), f"{mirror}/", server_mirror)):
        path = tmp_path / f"{number}.csv"
        assert "squares.csv" in str(fetch(spec(address), path, mirror=place).origin)
        assert path.read_bytes() == CONTENT


def test_a_mirror_that_lacks_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=r"mirror/squares\.csv could not be fetched: No such file"):
        fetch(spec("https://nowhere.invalid/squares.csv"), tmp_path / "x", mirror="mirror")


def test_a_file_address_is_copied(tmp_path: Path) -> None:
    origin = tmp_path / "squares 100%.csv"
    origin.write_bytes(CONTENT)
    path = tmp_path / "copy" / "squares.csv"
    fetch(spec(origin.as_uri()), path)
    assert path.read_bytes() == CONTENT
    assert origin.read_bytes() == CONTENT


@pytest.mark.parametrize("url", ["ftp://example.org/a.csv", "data/a.csv", "http://host:port/a"])
def test_an_address_of_no_known_kind_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(FetchError):
        fetch(spec(url), tmp_path / "a.csv")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a disk that is always full")  # noqa: PTH110
def test_a_full_disk_is_reported_and_leaves_nothing(server: Server, tmp_path: Path) -> None:
    part = tmp_path / "squares.csv.part"
    part.symlink_to("/dev/full")
    with pytest.raises(StorageError, match="No space left"):
        fetch(spec(server.url), tmp_path / "squares.csv")
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_the_folder_should_be_is_reported(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    with pytest.raises(StorageError):
        fetch(spec("https://nowhere.invalid/a.csv"), tmp_path / "data" / "a.csv")


def test_iris_comes_from_scikit_learn_with_its_published_digest(tmp_path: Path) -> None:
    path = tmp_path / "iris.csv"
    fetch(SourceSpec(sklearn="iris", sha256=IRIS_SHA256), path, mirror="/nowhere")
    lines = path.read_text().splitlines()
    assert lines[0] == "sepal_length,sepal_width,petal_length,petal_width,species"
    assert lines[1] == "5.1,3.5,1.4,0.2,setosa"
    assert len(lines) == 151


@pytest.mark.parametrize(
    ("name", "sha256"),
    [
        ("wine", "cadedc7ffaeb247520b13858e95b2ff0647a4716a228645dd84c74ae337de3cc"),
        ("breast_cancer", "79724d8b97b523803971b2835282e5d805ea502ecbdb08ee191b62a92f603f6b"),
        ("diabetes", "d0b14a7a6a4015e4291e82705a7dd34906afb0b87bf5f67037bf1ec2f51e663f"),
    ],
)
def test_bundled_sets_are_the_same_bytes_with_names_that_can_be_declared(
    name: str, sha256: str
) -> None:
    content = bundled_csv(name)
    header = content.decode().splitlines()[0].split(",")
    assert hashlib.sha256(content).hexdigest() == sha256
    assert all(column.isidentifier() for column in header)
    assert len(set(header)) == len(header)


def test_a_member_of_an_archive_is_unpacked_and_checked(tmp_path: Path) -> None:
    content = b"a,b\n1,2\n"
    with zipfile.ZipFile(tmp_path / "rows+of+data.zip", "w") as archive:
        archive.writestr("inner rows.csv", content)
    source = SourceSpec(
        url=(tmp_path / "rows+of+data.zip").as_uri(),
        member="inner rows.csv",
        sha256=hashlib.sha256(content).hexdigest(),
    )
    target = tmp_path / "data" / "rows.csv"
    assert fetch(source, target).size_bytes == len(content)
    assert target.read_bytes() == content
    assert list(target.parent.iterdir()) == [target]


def test_a_mirror_holds_the_member_unpacked(tmp_path: Path) -> None:
    (tmp_path / "inner.csv").write_bytes(b"a\n1\n")
    digest = hashlib.sha256(b"a\n1\n").hexdigest()
    source = SourceSpec(url="https://example.org/all.zip", member="inner.csv", sha256=digest)
    assert fetch(source, tmp_path / "rows.csv", mirror=str(tmp_path)).size_bytes == 4


@pytest.mark.parametrize("archive", [b"no zip", None])
def test_an_archive_without_the_member_is_an_error_and_leaves_nothing(
    archive: bytes | None, tmp_path: Path
) -> None:
    packed = tmp_path / "all.zip"
    if archive is None:
        with zipfile.ZipFile(packed, "w") as opened:
            opened.writestr("other.csv", "a")
    else:
        packed.write_bytes(archive)
    source = SourceSpec(url=packed.as_uri(), member="inner.csv", sha256="0" * 64)
    with pytest.raises(FetchError, match=r"no zip archive that holds inner\.csv"):
        fetch(source, tmp_path / "data" / "rows.csv")
    assert list((tmp_path / "data").iterdir()) == []
