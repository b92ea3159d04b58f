"""A file server on the loopback interface that can behave badly in the ways real ones do."""

from __future__ import annotations

import re
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class FileServer:
    """Serves `body` at any path; attributes may change between requests, `ranges` and `statuses` log them."""

    body: bytes
    url: str = ""
    etag: str | None = '"v1"'
    last_modified: str | None = None
    status: int = 200
    cut_after: int | None = None  # bytes of the answer after which the connection is closed
    ranges_supported: bool = True
    if_range_honoured: bool = True
    range_shift: int = 0  # by how much the range that is sent misses the one asked for
    content_length: bool = True
    claimed_length: int | None = None
    delay: float = 0.0  # seconds before the answer
    redirect: bool = False
    redirect_to: str | None = None
    ranges: list[str | None] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)


@contextmanager
def serve(body: bytes, certificate: Path | None = None) -> Iterator[FileServer]:
    """A running FileServer; its `url` ends in /file, and is an https one with a `certificate` of `make_certificate`."""
    server = FileServer(body)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.ranges.append(self.headers.get("Range"))
            time.sleep(server.delay)
            if server.redirect or server.redirect_to:
                self.send_response(302)
                self.send_header("Location", server.redirect_to or self.path)
                self.end_headers()
                return
            self.answer()

        def answer(self) -> None:
            start, status = 0, server.status
            wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            mark = self.headers.get("If-Range", "")
            same = not mark or (mark in (server.etag, server.last_modified) and mark[:2] != "W/")
            if (
                status == 200
                and wanted
                and server.ranges_supported
                and (same or not server.if_range_honoured)
            ):
                start, status = int(wanted[1]) + server.range_shift, 206
                if start >= len(server.body):
                    status = 416
            rest = server.body[start:] if status in (200, 206) else b"sorry"
            server.statuses.append(status)
            self.send_response(status)
            if status == 206:
                total = len(server.body)
                self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
            if server.content_length:
                self.send_header("Content-Length", str(server.claimed_length or len(rest)))
            if server.etag:
                self.send_header("ETag", server.etag)
            if server.last_modified:
                self.send_header("Last-Modified", server.last_modified)
            self.end_headers()
            # A client that has seen enough hangs up.
            with suppress(ConnectionError):
                self.wfile.write(rest[: server.cut_after])

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        http.socket = context.wrap_socket(http.socket, server_side=True)
    server.url = f"http{'s' if certificate else ''}://127.0.0.1:{http.server_port}/file"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def make_certificate(file: Path) -> Path:
    """Writes a new key and a certificate of 127.0.0.1, self-signed, to `file`: `serve` has both, clients trust it."""
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=loopback",
    ]
    files = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(file), "-out", f"{file}.crt"]
    done = subprocess.run([*command, *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with file.open("a") as both:
        both.write(Path(f"{file}.crt").read_text())
    return file
