"""Brings a data file to its place: whole, with the declared digest, or not at all."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import shutil
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.error import HTTPError, URLError
from urllib.parse import quote, unquote, urlsplit
from urllib.request import Request, url2pathname, urlopen
from zipfile import BadZipFile, ZipFile

from fairlead.data.bundled import bundled_csv
from fairlead.errors import DigestMismatchError, FetchError, StorageError
from fairlead.project.spec import SourceSpec

ATTEMPTS = 5
BACK_OFF_S = 0.5
TIMEOUT_S = 30.0
BLOCK_BYTES = 2**18
# Answers that may differ a moment later.
PASSING = (408, 425, 429, 500, 502, 503, 504)

Progress = Callable[[int, int | None], None]
"""Told the bytes that are there and, if it is known, the bytes in all."""


@dataclass(frozen=True)
class FetchResult:
    """A file in its place.

    Attributes:
        path: where it is.
        size_bytes: how large it is.
        origin: where it was taken from; None if it was there already.
    """

    path: Path
    size_bytes: int
    origin: str | None

    def __str__(self) -> str:
        size = f"{self.path} ({self.size_bytes:,} bytes)"
        if self.origin is None:
            return f"{size} is there already, with the declared digest"
        return f"{size} fetched from {self.origin}, with the declared digest"


def fetch(
    source: SourceSpec,
    path: Path,
    *,
    mirror: str | None = None,
    progress: Progress | None = None,
) -> FetchResult:
    """Bring the file of a source to `path`.

    It is written to `<name>.part` beside it and renamed once its digest is right. A download that
    breaks off is resumed, now or by the next call; what was resumed and has a wrong digest is
    fetched once more from its beginning.

    Args:
        source: where it comes from, and its digest.
        path: where it goes; folders are made.
        mirror: folder, `file:` or `http:` address that holds the file, unpacked, by the base name
            of the source's member or address; the source itself is then not asked.
        progress: told how far it is.

    Raises:
        FetchError: the source does not answer, or has no such file.
        DigestMismatchError: a file at `path` has another digest, and is left as it is; or what
            was fetched has, and is kept as `<name>.refused`.
        StorageError: it could not be written.
    """
    if path.is_file():
        actual = sha256_of(path)
        if actual != source.sha256:
            raise DigestMismatchError(path, source.sha256, actual)
        return FetchResult(path, path.stat().st_size, None)
    progress = progress or _silent
    part = path.with_name(f"{path.name}.part")
    with _storing(part):
        path.parent.mkdir(parents=True, exist_ok=True)
    origin, resumed = _bring(source, mirror, part, progress)
    actual = sha256_of(part)
    if resumed and actual != source.sha256:
        part.unlink()
        _bring(source, mirror, part, progress)
        actual = sha256_of(part)
    if actual != source.sha256:
        refused = part.replace(path.with_name(f"{path.name}.refused"))
        raise DigestMismatchError(refused, source.sha256, actual)
    with _storing(part):
        part.replace(path)
        _sync_folder(path.parent)
    return FetchResult(path, path.stat().st_size, origin)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _silent(_done: int, _total: int | None) -> None:
    """Tell nobody."""


def _bring(
    source: SourceSpec, mirror: str | None, part: Path, progress: Progress
) -> tuple[str, bool]:
    """Complete the part file; return where from, and whether what was there was continued."""
    if source.sklearn is not None:
        with _storing(part), part.open("wb") as file:
            file.write(bundled_csv(source.sklearn))
            _sync(file)
        return "scikit-learn", False
    address = source.url or ""
    if mirror is not None:
        address = _in_mirror(mirror, source.member or address)
    elif source.member is not None:
        _bring_member(address, source.member, part, progress)
        return f"{address}, {source.member}", False
    return address, _take(address, part, progress)


def _take(address: str, part: Path, progress: Progress) -> bool:
    """Complete the part file; return whether what was there was continued."""
    scheme = urlsplit(address).scheme
    if scheme in ("http", "https"):
        return _download(address, part, progress)
    if scheme != "file":
        raise FetchError(address, "only https:, http: and file: addresses can be fetched")
    _copy(Path(url2pathname(urlsplit(address).path)), address, part, progress)
    return False


def _bring_member(address: str, member: str, part: Path, progress: Progress) -> None:
    """Fetch a zip archive beside the part file and unpack one member into that."""
    archive = part.with_name(f"{part.stem}.zip.part")
    while True:
        resumed = _take(address, archive, progress)
        try:
            with (
                ZipFile(archive) as opened,
                opened.open(member) as packed,
                _storing(part),
                part.open("wb") as target,
            ):
                shutil.copyfileobj(packed, target, BLOCK_BYTES)
                _sync(target)
            return
        except (BadZipFile, EOFError, KeyError, zlib.error) as error:
            if not resumed:
                raise FetchError(address, f"it is no zip archive that holds {member}") from error
        finally:
            archive.unlink(missing_ok=True)


def _in_mirror(mirror: str, address: str) -> str:
    """Address of the file in a mirror."""
    name = PurePosixPath(unquote(urlsplit(address).path)).name
    if not name:
        raise FetchError(address, "the address ends in no file name to look for in the mirror")
    if re.match(r"[a-z]+://|file:", mirror):
        return f"{mirror.rstrip('/')}/{quote(name)}"
    return (Path(mirror).expanduser().resolve() / name).as_uri()


def _copy(origin: Path, address: str, part: Path, progress: Progress) -> None:
    try:
        file = origin.open("rb")
        total = origin.stat().st_size
    except OSError as error:
        raise FetchError(address, error.strerror or str(error)) from error
    with file, _storing(part), part.open("wb") as target:
        done = 0
        while block := file.read(BLOCK_BYTES):
            target.write(block)
            done += len(block)
            progress(done, total)
        _sync(target)


def _download(url: str, part: Path, progress: Progress) -> bool:
    """Complete the part file over HTTP; return whether the last answer continued it."""
    reason = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(BACK_OFF_S * 2 ** (attempt - 1))
        try:
            return _receive(url, part, progress)
        except HTTPError as error:
            error.close()
            reason = f"the answer is {error.code} {error.reason}"
            if error.code not in PASSING:
                raise FetchError(url, reason) from error
        except http.client.InvalidURL as error:
            raise FetchError(url, str(error)) from error
        except (URLError, http.client.HTTPException, OSError) as error:
            reason = str(getattr(error, "reason", error)) or type(error).__name__
    raise FetchError(url, f"{reason} (tried {ATTEMPTS} times)")


def _receive(url: str, part: Path, progress: Progress) -> bool:
    """Ask for what the part file lacks and append it; return whether it was continued.

    Raises:
        HTTPError: the answer is an error.
        OSError: the connection broke; what has arrived is in the part file.
    """
    there = part.stat().st_size if part.exists() else 0
    with _ask(url, there) as response:
        continued = response.status == http.client.PARTIAL_CONTENT
        if continued and not response.headers.get("Content-Range", "").startswith(
            f"bytes {there}-"
        ):
            part.unlink()
            raise ConnectionError("the answer holds other bytes than those asked for")
        done = there if continued else 0
        total = None if response.length is None else done + response.length
        with _storing(part):
            file = part.open("ab" if continued else "wb")
        with file:
            while block := response.read(BLOCK_BYTES):
                with _storing(part):
                    file.write(block)
                done += len(block)
                progress(done, total)
            with _storing(part):
                _sync(file)
    # http.client does not mind a body that ends early if it is read in blocks.
    if total is not None and done < total:
        raise ConnectionError(f"the connection ended after {done:,} of {total:,} bytes")
    return continued


def _ask(url: str, there: int) -> http.client.HTTPResponse:
    """Ask for a file from its byte `there` on; the answer may hold the whole file instead."""
    headers = {"Accept-Encoding": "identity", "User-Agent": "fairlead"}
    ranged = {"Range": f"bytes={there}-"} if there else {}
    try:
        request = Request(url, headers=headers | ranged)  # noqa: S310 (the scheme is checked)
        response: http.client.HTTPResponse = urlopen(request, timeout=TIMEOUT_S)  # noqa: S310
    except HTTPError as error:
        # What is there is as long as the file, or longer: not a part of it.
        if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE or not there:
            raise
        error.close()
        return _ask(url, 0)
    return response


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Make a rename last through a loss of power, where folders can be synced."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _storing(part: Path) -> Iterator[None]:
    """Tell a full disk from a broken connection, and leave no part behind."""
    try:
        yield
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise StorageError(part, error.strerror or str(error)) from error
