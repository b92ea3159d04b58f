"""Downloads from a server on the loopback interface, well and badly behaved."""

from __future__ import annotations

import hashlib
import resource
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lite.download import check_reachable, fetch
from lite.errors import DownloadError, InputError, ToolkitError
from tests.loopback import FileServer, make_certificate, serve

BODY = np.random.default_rng(0).bytes(1_500_000)
OTHER = np.random.default_rng(1).bytes(1_500_000)
HALF = 700_000


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serve(BODY) as running:
        yield running


@pytest.fixture
def destination(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "weights.bin"


def same_as_body(path: Path) -> None:
    if path.read_bytes() != BODY:
        raise InputError("the content differs")


def get(url: str, destination: Path, **changes: object) -> Path:
    options = {
        "minimum_bytes": 1_000_000,
        "maximum_bytes": 2_000_000,
        "verify": same_as_body,
        "timeout": (60.0, 60.0),
        "progress": False,
    }
    return fetch(url, destination, **{**options, **changes})  # type: ignore[arg-type]


def part(destination: Path) -> Path:
    return destination.with_name(destination.name + ".part")


def leftovers(destination: Path) -> set[str]:
    kept = {f"{destination.name}.lock", f"{destination.name}.sha256"}
    return {path.name for path in destination.parent.iterdir()} - kept


def cut_once(server: FileServer, destination: Path) -> None:
    """A first try whose connection breaks after HALF bytes."""
    server.cut_after = HALF
    with pytest.raises(DownloadError, match="broke off"):
        get(server.url, destination)
    server.cut_after = None
    server.ranges.clear()
    assert not destination.exists()


def test_a_download_ends_under_its_final_name_alone(server: FileServer, destination: Path) -> None:
    assert get(server.url, destination) == destination
    assert destination.read_bytes() == BODY
    assert leftovers(destination) == {destination.name}


def test_progress_goes_to_stderr(
    server: FileServer, destination: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    get(server.url, destination, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "weights.bin" in err


def test_a_file_that_is_there_is_verified_and_not_downloaded(server: FileServer, destination: Path) -> None:
    destination.parent.mkdir()
    destination.write_bytes(b"placed by hand, but wrong")
    with pytest.raises(InputError, match="differs"):
        get(server.url, destination)
    assert destination.exists()
    destination.write_bytes(BODY)
    assert get(server.url, destination) == destination
    assert server.ranges == []


def test_a_cut_connection_says_how_much_is_kept_and_the_next_try_resumes(
    server: FileServer, destination: Path
) -> None:
    server.cut_after = HALF
    with pytest.raises(DownloadError) as caught:
        get(server.url, destination)
    kept = part(destination).stat().st_size
    assert 0 < kept <= HALF
    assert f"{kept:,} bytes are kept" in str(caught.value)
    server.cut_after = None
    get(server.url, destination)
    assert destination.read_bytes() == BODY
    assert server.ranges == [None, f"bytes={kept}-"]


def test_last_modified_serves_to_resume_where_the_etag_is_weak(server: FileServer, destination: Path) -> None:
    server.etag, server.last_modified = 'W/"v1"', "Mon, 01 Jan 2024 00:00:00 GMT"
    cut_once(server, destination)
    get(server.url, destination)
    assert server.statuses == [200, 206]
    assert destination.read_bytes() == BODY


def test_without_a_mark_of_the_version_it_starts_over(server: FileServer, destination: Path) -> None:
    server.etag = None
    cut_once(server, destination)
    get(server.url, destination)
    assert server.ranges == [None]
    assert destination.read_bytes() == BODY


def test_a_server_without_ranges_sends_everything_again(server: FileServer, destination: Path) -> None:
    server.ranges_supported = False
    cut_once(server, destination)
    get(server.url, destination)
    assert destination.read_bytes() == BODY


@pytest.mark.parametrize("if_range_honoured", [True, False])
def test_a_file_that_changed_meanwhile_is_started_over(
    server: FileServer, destination: Path, if_range_honoured: bool
) -> None:
    server.body = bytes(len(BODY))
    cut_once(server, destination)
    server.body, server.etag, server.if_range_honoured = BODY, '"v2"', if_range_honoured
    get(server.url, destination)
    assert destination.read_bytes() == BODY
    assert len(server.ranges) == (1 if if_range_honoured else 2)


def test_a_range_that_was_not_asked_for_is_not_appended(server: FileServer, destination: Path) -> None:
    cut_once(server, destination)
    server.range_shift = -1
    get(server.url, destination)
    assert destination.read_bytes() == BODY


def test_a_file_that_became_shorter_is_started_over(server: FileServer, destination: Path) -> None:
    server.body = BODY + BODY
    server.cut_after = 1_900_000
    with pytest.raises(DownloadError):
        get(server.url, destination, maximum_bytes=5_000_000)
    server.body, server.cut_after, server.if_range_honoured = BODY, None, False
    get(server.url, destination)
    assert destination.read_bytes() == BODY


def test_another_address_starts_over(server: FileServer, destination: Path) -> None:
    cut_once(server, destination)
    get(server.url + "-elsewhere", destination)
    assert server.ranges == [None]


def test_a_complete_part_is_verified_without_a_request(server: FileServer, destination: Path) -> None:
    def interrupted(path: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get(server.url, destination, verify=interrupted)
    assert part(destination).read_bytes() == BODY
    get(server.url, destination)
    assert destination.read_bytes() == BODY
    assert server.ranges == [None]


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_an_error_status_names_status_address_and_place(
    server: FileServer, destination: Path, status: int
) -> None:
    server.status = status
    with pytest.raises(DownloadError) as caught:
        get(server.url, destination)
    message = str(caught.value)
    for word in (str(status), server.url, str(destination)):
        assert word in message
    assert "\n" not in message
    assert caught.value.exit_code == 5
    assert leftovers(destination) == set()


def test_an_error_status_keeps_what_is_here(server: FileServer, destination: Path) -> None:
    cut_once(server, destination)
    kept = part(destination).stat().st_size
    server.status = 503
    with pytest.raises(DownloadError, match=r"503.*are kept"):
        get(server.url, destination)
    assert part(destination).stat().st_size == kept


def test_the_advice_can_be_replaced(server: FileServer, destination: Path) -> None:
    server.status = 404
    with pytest.raises(DownloadError, match=r"try again, or unpack it under sdk/$"):
        get(server.url, destination, place_by_hand="or unpack it under sdk/")


def test_a_redirect_loop(server: FileServer, destination: Path) -> None:
    server.redirect = True
    with pytest.raises(DownloadError, match="redirects in a loop"):
        get(server.url, destination)


def test_a_slow_server_runs_into_the_timeout(server: FileServer, destination: Path) -> None:
    server.delay = 1.0
    with pytest.raises(DownloadError, match="no answer in time"):
        get(server.url, destination, timeout=(0.2, 0.2))


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_nobody_listening(destination: Path) -> None:
    with pytest.raises(DownloadError, match="connection refused"):
        get(f"http://127.0.0.1:{free_port()}/file", destination)


def test_a_proxy_that_is_not_there(destination: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(DownloadError, match=r"the proxy does not answer.*refused"):
        get("http://deit-lite.invalid/x", destination)


@pytest.mark.parametrize(
    ("url", "reason"),
    [("http://deit-lite.invalid/x", "cannot be resolved"), ("weights/x", "not an http address"),
     ("ftp://127.0.0.1/x", "not an http address"), ("http://", "not an http address")],
)  # fmt: skip
def test_an_address_that_cannot_work(
    destination: Path, url: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(DownloadError, match=reason):
        get(url, destination)


def test_a_plain_http_server_behind_https(server: FileServer, destination: Path) -> None:
    with pytest.raises(DownloadError, match="no secure connection"):
        get(server.url.replace("http:", "https:"), destination)


def test_a_size_out_of_bounds_is_refused_before_the_transfer(server: FileServer, destination: Path) -> None:
    server.body = b"<html>please log in</html>"
    with pytest.raises(DownloadError, match="offers 26 bytes, 1,000,000 to 2,000,000 are expected"):
        get(server.url, destination)
    assert leftovers(destination) == set()


def test_without_a_length_too_much_is_cut_off(server: FileServer, destination: Path) -> None:
    server.content_length, server.body = False, bytes(3_000_000)
    with pytest.raises(DownloadError, match="more than 2,000,000"):
        get(server.url, destination)
    assert not destination.exists()


def test_without_a_length_too_little_is_resumed(server: FileServer, destination: Path) -> None:
    server.content_length, server.cut_after = False, HALF
    with pytest.raises(DownloadError, match="only 700,000 of 1,000,000 bytes came"):
        get(server.url, destination)
    server.cut_after = None
    get(server.url, destination)
    assert destination.read_bytes() == BODY
    assert server.ranges == [None, "bytes=700000-"]


def test_wrong_content_of_the_right_size_is_removed(server: FileServer, destination: Path) -> None:
    server.body = bytes(len(BODY))
    with pytest.raises(DownloadError, match="gave a wrong file: the content differs"):
        get(server.url, destination)
    assert leftovers(destination) == set()


def test_a_full_disk_is_noticed_before_the_transfer(server: FileServer, destination: Path) -> None:
    server.claimed_length = 10**17
    with pytest.raises(InputError, match="No space left on device; free some space") as caught:
        get(server.url, destination, maximum_bytes=10**18)
    assert caught.value.exit_code == 2


def test_a_write_that_fails_leaves_no_file(server: FileServer, destination: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    try:
        with pytest.raises(InputError, match=r"cannot write .*weights\.bin: File too large"):
            get(server.url, destination)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not destination.exists()


def test_a_folder_that_cannot_be_made(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot write"):
        get(server.url, tmp_path / "file" / "weights.bin")


def test_two_at_once_download_once(
    server: FileServer, destination: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.delay = 0.3
    failures: list[ToolkitError] = []

    def run() -> None:
        try:
            get(server.url, destination)
        except ToolkitError as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert server.ranges == [None]
    assert destination.read_bytes() == BODY
    assert "waiting: another process" in capsys.readouterr().err


# ---- SHA-256: what is demanded, and what came first


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def anything(path: Path) -> None:
    pass


def record(destination: Path) -> Path:
    return destination.with_name(destination.name + ".sha256")


def test_the_first_download_is_shown_and_recorded_as_sha256sum_reads_it(
    server: FileServer, destination: Path
) -> None:
    notices: list[str] = []
    for _ in range(2):
        get(server.url, destination, notify=notices.append)
    assert record(destination).read_text() == f"{sha256(BODY)}  weights.bin\n"
    checked = subprocess.run(["sha256sum", "-c", record(destination)], cwd=destination.parent)
    assert checked.returncode == 0
    (notice,) = notices
    assert sha256(BODY) in notice
    assert str(record(destination)) in notice


@pytest.mark.parametrize("remedy", ["record", "demand"])
def test_another_file_from_the_server_is_refused_until_it_is_accepted(
    server: FileServer, destination: Path, remedy: str
) -> None:
    get(server.url, destination).unlink()
    server.body, server.etag = OTHER, '"v2"'
    with pytest.raises(DownloadError) as caught:
        get(server.url, destination, verify=anything)
    assert str(caught.value) == (
        f"{server.url} is another file than at its first use: its SHA-256 is {sha256(OTHER)}, not {sha256(BODY)}; "
        f"try again, or put the file at {destination} by hand; if it is meant to be this one, "
        f"delete {record(destination)} or give --sha256 {sha256(OTHER)}"
    )
    assert leftovers(destination) == set()
    assert sha256(BODY) in record(destination).read_text()
    if remedy == "record":
        record(destination).unlink()
    get(server.url, destination, verify=anything, sha256=sha256(OTHER) if remedy == "demand" else None)
    assert destination.read_bytes() == OTHER
    assert sha256(OTHER) in record(destination).read_text()


def test_a_file_that_changed_in_the_cache_is_refused_and_stays(server: FileServer, destination: Path) -> None:
    get(server.url, destination)
    destination.write_bytes(OTHER)
    with pytest.raises(
        InputError, match="another file than at its first use.*delete it to download it again"
    ):
        get(server.url, destination, verify=anything)
    assert destination.read_bytes() == OTHER
    destination.unlink()
    assert get(server.url, destination).read_bytes() == BODY


def test_a_demanded_sha256_is_held_by_the_download_and_by_the_cache(
    server: FileServer, destination: Path
) -> None:
    for _ in ("not there", "there"):
        with pytest.raises(ToolkitError, match="another file than the one that --sha256 demands") as caught:
            get(server.url, destination, sha256=sha256(OTHER))
        assert str(record(destination)) not in str(caught.value)
        get(server.url, destination, sha256=sha256(BODY))


def test_a_file_that_does_not_pass_is_not_recorded(server: FileServer, destination: Path) -> None:
    server.body = OTHER
    with pytest.raises(DownloadError, match="the content differs"):
        get(server.url, destination)
    assert not record(destination).exists()


def test_a_record_that_cannot_be_read_is_said_before_the_transfer(
    server: FileServer, destination: Path
) -> None:
    destination.parent.mkdir()
    for make in (lambda path: path.write_bytes(b"\xff" * 64), lambda path: path.mkdir()):
        make(record(destination))
        with pytest.raises(InputError, match="holds no SHA-256; delete it"):
            get(server.url, destination)
        if record(destination).is_file():
            record(destination).unlink()
    assert server.ranges == []


# ---- no way from https to http


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls") / "loopback.pem")


@pytest.fixture
def secure(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with serve(BODY, certificate) as running:
        yield running


def test_a_download_over_tls(secure: FileServer, destination: Path) -> None:
    assert secure.url.startswith("https:")
    assert get(secure.url, destination).read_bytes() == BODY


def test_a_redirect_from_https_to_http_is_not_followed(
    secure: FileServer, server: FileServer, destination: Path
) -> None:
    secure.redirect_to = server.url
    with pytest.raises(DownloadError, match="redirects from https to http, where anybody") as caught:
        get(secure.url, destination)
    assert caught.value.remedy
    with pytest.raises(DownloadError, match="redirects from https to http"):
        check_reachable(secure.url, seconds=60.0)
    # Over one more hop, too.
    server.redirect_to = secure.url
    with pytest.raises(DownloadError, match="redirects from https to http"):
        get(server.url, destination)
    assert server.statuses == []
    assert leftovers(destination) == set()


@pytest.mark.parametrize("address", ["{url}", "//{host}/other", "/other"])
def test_other_redirects_are_followed(
    secure: FileServer, certificate: Path, destination: Path, address: str
) -> None:
    with serve(b"", certificate) as front:
        front.redirect_to = address.format(url=secure.url, host=secure.url.split("/")[2])
        if address == "/other":
            with pytest.raises(DownloadError, match="redirects in a loop"):
                get(front.url, destination)
            return
        assert get(front.url, destination).read_bytes() == BODY


def test_a_redirect_from_http_to_https_is_followed(
    server: FileServer, secure: FileServer, destination: Path
) -> None:
    server.redirect_to = secure.url
    assert get(server.url, destination).read_bytes() == BODY


def test_reachable(server: FileServer) -> None:
    check_reachable(server.url)


def test_not_reachable_is_known_quickly(server: FileServer) -> None:
    server.delay = 60.0
    with pytest.raises(DownloadError, match=r"could not reach .*no answer"):
        check_reachable(server.url, seconds=0.2)
    assert not server.statuses


def test_reachable_wants_a_good_status(server: FileServer) -> None:
    server.status = 403
    with pytest.raises(DownloadError, match="403"):
        check_reachable(server.url)


def test_any_error_of_verify_that_is_no_toolkit_error_is_a_bug_and_passes(
    server: FileServer, destination: Path
) -> None:
    def broken(path: Path) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        get(server.url, destination, verify=broken)
    assert not destination.exists()
