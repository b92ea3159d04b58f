"""tools/serve.py: the real Triton, asked by tritonclient and curl, and by those who mean harm."""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from waiting import HANG, ended, runs, until

from lite import zoo
from lite.bundle import Bundle
from lite.engines import DEFAULT, export, processes
from lite.engines.paddle_lite import LiteEngine
from lite.model import weights
from lite.pictures import digits, prepare
from lite.serving.server import Address

PYTHON = Path(f"{sys.prefix}-serving", "bin", "python")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not PYTHON.exists(), reason="needs ./run.sh --requirements requirements-serving.txt -c pass"
    ),
]
MODEL, SPEC = "deit_tiny", zoo.find("deit_tiny").preprocess
QUEUE = 16


@dataclass
class Server:
    """A server of a network in one engine, and what that engine answers for `pictures` without a server."""

    process: subprocess.Popen[str]
    http: int
    grpc: int
    metrics: int
    pictures: list[Path]
    logits: np.ndarray

    def ask(self, path: str, body: bytes | None = None, **headers: str) -> tuple[int, str]:
        """Status and text of an answer over HTTP."""
        connection = http.client.HTTPConnection("127.0.0.1", self.http, timeout=HANG)
        try:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request("GET" if body is None else "POST", path, body, sent)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        finally:
            connection.close()

    def infer(self, model: str, body: bytes) -> tuple[int, str]:
        """The answer to one tensor or picture, as raw bytes."""
        return self.ask(f"/v2/models/{model}/infer", body, Inference_Header_Content_Length="0")

    def answers(self) -> None:
        """Fails unless a picture gets its class."""
        assert self.infer(f"{MODEL}_pictures", self.pictures[0].read_bytes())[0] == 200

    def count(self, name: str, model: str) -> float:
        """A figure of the metrics."""
        connection = http.client.HTTPConnection("127.0.0.1", self.metrics, timeout=HANG)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        (value,) = re.findall(rf'^{name}\{{model="{model}",version="1"\}} (\S+)$', text, re.MULTILINE)
        return float(value)

    def children(self) -> list[int]:
        """The processes that run models, without those that have ended."""
        listed = subprocess.run(["ps", "-eo", "pid,ppid,comm"], capture_output=True, text=True, check=True)
        rows = [line.split(None, 2) for line in listed.stdout.splitlines()[1:]]
        (triton,) = [pid for pid, parent, _ in rows if int(parent) == self.process.pid]
        return [
            int(pid)
            for pid, parent, name in rows
            if parent == triton and name.startswith("triton_python_b") and runs(int(pid))
        ]


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def serve(root: Path, *arguments: str | Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [PYTHON, root / "tools" / "serve.py", *arguments], env=os.environ | environment,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@contextmanager
def running(
    root: Path, source: list[str | Path], pictures: list[Path], logits: np.ndarray
) -> Iterator[Server]:
    ports = free_ports(3)
    process = serve(
        root, *source, "--instances", "1", "--max-queue", str(QUEUE), "--http-port", str(ports[0]),
        "--grpc-port", str(ports[1]), "--metrics-port", str(ports[2]),
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        ready = process.stdout.readline()
        assert ready == f"http://127.0.0.1:{ports[0]}/v2/models/{MODEL}_pictures/infer\n", (
            process.stderr.read()
        )
        yield Server(process, *ports, pictures, logits)
    finally:
        process.send_signal(signal.SIGTERM)
        ended(process)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three digits in three kinds of files."""
    folder = tmp_path_factory.mktemp("pictures")
    found = [folder / name for name in ("one.png", "two.jpg", "three.webp")]
    for path, array in zip(found, digits.pictures("held_out", 3), strict=True):
        assert cv2.imwrite(str(path), array)
    return found


@pytest.fixture(scope="module", params=["bundle", "inference"])
def server(
    request: pytest.FixtureRequest,
    root: Path,
    tiny_bundle: Path,
    tmp_path_factory: pytest.TempPathFactory,
    pictures: list[Path],
) -> Iterator[Server]:
    engine: object
    if request.param == "bundle":
        source, engine = ["--bundle", tiny_bundle], LiteEngine(Bundle.open(tiny_bundle).host_nb)
    else:
        folder = tmp_path_factory.mktemp("export") / "digits"
        export.export(weights.load(zoo.find(MODEL), "digits", notify=print), "inference", folder)
        source, engine = ["--export", folder], export.read(folder).engine(DEFAULT)
    tensors = [prepare.from_file(path, SPEC) for path in pictures]
    with processes.pool(1) as executor:
        answers = executor.submit(export.logits_of, engine, tensors).result()
    with running(root, source, pictures, np.concatenate(answers)) as started:
        yield started


def test_tritonclient_gets_what_the_predictor_answers(server: Server, root: Path, tmp_path: Path) -> None:
    tensors = tmp_path / "tensors.npy"
    np.save(tensors, np.concatenate([prepare.from_file(path, SPEC) for path in server.pictures]))
    done = subprocess.run(
        [PYTHON, root / "tests" / "serving_client.py", str(server.http), str(server.grpc), MODEL, tensors,
         *server.pictures],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    assert len(answers) == 4
    shares = np.exp(server.logits - server.logits.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    for way, answer in answers.items():
        # Not to the bit: Paddle Inference sums up a batch in another order than one picture.
        np.testing.assert_allclose(answer["logits"], server.logits, atol=1e-5, err_msg=way)
        np.testing.assert_allclose(answer["probability"], -np.sort(-shares)[:, :5], atol=1e-5, err_msg=way)
        assert [row[0] for row in answer["label"]] == [str(one) for one in server.logits.argmax(1)]


def test_curl_sends_a_picture_and_a_tensor(server: Server, tmp_path: Path) -> None:
    base = f"http://127.0.0.1:{server.http}/v2"
    curl = ["curl", "-sS", "--noproxy", "*"]
    sent = subprocess.run(
        [*curl, "-H", "Inference-Header-Content-Length: 0", "--data-binary", f"@{server.pictures[1]}",
         f"{base}/models/{MODEL}_pictures/infer"],
        capture_output=True, check=True,
    )  # fmt: skip
    head, _ = json.JSONDecoder().raw_decode(sent.stdout.decode(errors="replace"))
    assert {one["name"] for one in head["outputs"]} == {"logits", "label", "probability"}
    tensor = prepare.from_file(server.pictures[1], SPEC)
    body = {
        "inputs": [
            {"name": "image", "shape": [1, 3, 224, 224], "datatype": "FP32", "data": tensor.ravel().tolist()}
        ],
        "outputs": [{"name": "label"}, {"name": "logits"}],
    }
    (tmp_path / "body.json").write_text(json.dumps(body))
    asked = subprocess.run(
        [*curl, "-d", f"@{tmp_path / 'body.json'}", f"{base}/models/{MODEL}/infer"],
        capture_output=True, check=True,
    )  # fmt: skip
    outputs = {one["name"]: one["data"] for one in json.loads(asked.stdout)["outputs"]}
    np.testing.assert_allclose(outputs["logits"], server.logits[1], atol=1e-5)
    assert outputs["label"][0] == str(server.logits[1].argmax())


def test_health_metadata_and_metrics_are_there(server: Server) -> None:
    assert server.ask("/v2/health/live")[0] == server.ask("/v2/health/ready")[0] == 200
    tensors = json.loads(server.ask(f"/v2/models/{MODEL}")[1])
    assert tensors["inputs"] == [{"name": "image", "datatype": "FP32", "shape": [-1, 3, 224, 224]}]
    assert {"name": "logits", "datatype": "FP32", "shape": [-1, 10]} in tensors["outputs"]
    before = server.count("nv_inference_request_success", MODEL)
    server.answers()
    # Counted after the answer.
    until(lambda: server.count("nv_inference_request_success", MODEL) == before + 1)


def tensor(value: float = 0.0, shape: tuple[int, ...] = (1, 3, 224, 224)) -> tuple[bytes, dict[str, str]]:
    """A request with one tensor, all of `value`, in the protocol's binary form."""
    data = np.full(shape, value, np.float32).tobytes()
    head = json.dumps({"inputs": [
        {"name": "image", "shape": shape, "datatype": "FP32", "parameters": {"binary_data_size": len(data)}}
    ]}).encode()  # fmt: skip
    return head + data, {"Inference_Header_Content_Length": str(len(head))}


RAW = {"Inference_Header_Content_Length": "0"}


@pytest.mark.parametrize(
    ("model", "request_", "status", "why"),
    [
        (MODEL, tensor(shape=(1, 3, 32, 32)), 400, r"unexpected shape for input 'image'"),
        (MODEL, tensor(shape=(9, 3, 224, 224)), 400, "batch-size must be <= 8"),
        (MODEL, tensor(np.nan), 400, "image has NaN or infinity"),
        (MODEL, tensor(np.inf), 400, "image has NaN or infinity"),
        (MODEL, (b"{", {}), 500, "failed to parse"),  # the status is Triton's choice
        (MODEL, (b"\0" * 100_000_000, RAW), 400, "byte size mismatch"),
        (f"{MODEL}_pictures", (b"\0" * 100_000_000, RAW), 400, "has 100000000 bytes; at most 20000000 are taken"),
        (f"{MODEL}_pictures", (b"no picture", RAW), 400, "the picture is not a readable JPEG, PNG"),
        (f"{MODEL}_pictures", (b"", RAW), 400, ""),
        ("other", (b"", RAW), 404, "unknown model"),
    ],
    ids=[
        "another shape", "too many pictures", "NaN", "infinity", "no JSON", "100 MB", "a picture of 100 MB",
        "no picture", "nothing", "another model",
    ],
)  # fmt: skip
def test_what_cannot_be_answered_gets_a_clear_error(
    server: Server, model: str, request_: tuple[bytes, dict[str, str]], status: int, why: str
) -> None:
    body, headers = request_
    got, text = server.ask(f"/v2/models/{model}/infer", body, **headers)
    assert (got, set(json.loads(text))) == (status, {"error"}), text
    assert re.search(why, text), text
    server.answers()


def test_a_picture_of_too_many_pixels_is_refused(server: Server, tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    assert cv2.imwrite(str(large), np.zeros((8000, 8000), np.uint8))
    status, text = server.infer(f"{MODEL}_pictures", large.read_bytes())
    assert (status, "8000x8000 pixels; give 1 to 50 megapixels" in text) == (400, True), text


def test_a_bad_tensor_costs_its_neighbours_nothing(server: Server) -> None:
    bad, good = tensor(np.nan), tensor(1.0)
    with ThreadPoolExecutor(QUEUE) as pool:
        asked = [bad, good] * (QUEUE // 2)
        found = list(
            pool.map(lambda one: server.ask(f"/v2/models/{MODEL}/infer", one[0], **one[1])[0], asked)
        )
    assert found == [400, 200] * (QUEUE // 2)


@pytest.mark.parametrize(
    "path", ["systemsharedmemory/status", "repository/index", "logging", "trace/setting"]
)
def test_what_reaches_into_the_server_is_closed(server: Server, path: str) -> None:
    body = b"" if path.startswith("repository") else None
    status, text = server.ask(f"/v2/{path}", body)
    assert (status, "restricted" in text) == (403, True), text


def test_connections_that_break_off_are_survived(server: Server) -> None:
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", server.http)) as half:
            half.sendall(
                f"POST /v2/models/{MODEL}/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 602112\r\n\r\n".encode()
                + b"\0" * 300_000
            )
        with socket.create_connection(("127.0.0.1", server.grpc)) as garbage:
            garbage.sendall(b"\xff" * 1000)
    server.answers()


def test_of_500_at_once_each_is_answered_or_refused(server: Server) -> None:
    picture = server.pictures[0].read_bytes()
    with ThreadPoolExecutor(500) as pool:
        found = list(pool.map(lambda _: server.infer(f"{MODEL}_pictures", picture), range(500)))
    statuses = Counter(status for status, _ in found)
    assert set(statuses) <= {200, 503}, statuses
    assert statuses[200] >= QUEUE
    for status, text in found:
        assert status == 200 or "Exceeds maximum queue size" in text, text
    server.answers()


def test_what_waits_is_run_together(server: Server) -> None:
    body, headers = tensor(0.5)
    before = server.count("nv_inference_count", MODEL), server.count("nv_inference_exec_count", MODEL)
    with ThreadPoolExecutor(QUEUE) as pool:
        found = list(
            pool.map(lambda _: server.ask(f"/v2/models/{MODEL}/infer", body, **headers)[0], range(4 * QUEUE))
        )
    assert found == [200] * 4 * QUEUE
    # Triton counts after it has answered.
    until(lambda: server.count("nv_inference_count", MODEL) >= before[0] + 4 * QUEUE)
    assert server.count("nv_inference_exec_count", MODEL) < before[1] + 4 * QUEUE


def test_one_instance_is_two_processes_that_take_turns(server: Server) -> None:
    """So the next batch is with a process already when one ends; Triton may take half a second to hand it out."""
    body, headers = tensor(0.5)
    (lock,) = {
        link.resolve()
        for pid in server.children()
        for link in Path(f"/proc/{pid}/fd").iterdir()
        if link.resolve().name.endswith(f"-{MODEL}.lock")
    }
    with lock.open() as turn, ThreadPoolExecutor(2) as pool:
        fcntl.flock(turn, fcntl.LOCK_EX)
        inode = lock.stat().st_ino
        found = []
        for waiting in (1, 2):
            found.append(pool.submit(server.ask, f"/v2/models/{MODEL}/infer", body, **headers))
            until(lambda count=waiting: waiters(inode) == count)
        fcntl.flock(turn, fcntl.LOCK_UN)
        assert [one.result()[0] for one in found] == [200, 200]


def waiters(inode: int) -> int:
    """How many processes wait for the lock of the file with this number."""
    lines = Path("/proc/locks").read_text().splitlines()
    return sum("-> FLOCK" in line and line.split()[-3].endswith(f":{inode}") for line in lines)


def test_it_listens_on_loopback_alone(server: Server) -> None:
    listening = [
        line.split()[1]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in Path(table).read_text().splitlines()[1:]
        if line.split()[3] == "0A"
    ]
    ports = {f"{port:04X}" for port in (server.http, server.grpc, server.metrics)}
    found = [address for address in listening if address.rpartition(":")[2] in ports]
    assert {address.rpartition(":")[2] for address in found} == ports
    # 127.0.0.1, and the same as an IPv6 address; in both the bytes of each word are reversed.
    assert {address.partition(":")[0] for address in found} <= {
        "0100007F",
        "0000000000000000FFFF00000100007F",
    }


def test_a_models_process_that_dies_is_started_again(server: Server) -> None:
    killed = server.children()
    assert len(killed) == 4
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    picture = server.pictures[0].read_bytes()
    status, text = server.infer(f"{MODEL}_pictures", picture)
    assert status == 200 or "is not healthy" in text, text
    until(lambda: server.infer(f"{MODEL}_pictures", picture)[0] == 200, server.process)
    assert not set(killed) & set(server.children())


def test_a_stop_answers_all_that_was_taken(root: Path, tiny_bundle: Path, pictures: list[Path]) -> None:
    with running(root, ["--bundle", tiny_bundle], pictures, np.empty(0)) as server:
        body, headers = tensor(0.5)
        children = server.children()
        # Those that were asked before do not count.
        begun = server.count("nv_inference_request_success", MODEL)

        def taken() -> bool:
            done = server.count("nv_inference_request_success", MODEL) - begun
            return done + server.count("nv_inference_pending_request_count", MODEL) >= QUEUE - 1

        with ThreadPoolExecutor(QUEUE) as pool:
            asked = [
                pool.submit(server.ask, f"/v2/models/{MODEL}/infer", body, **headers) for _ in range(QUEUE)
            ]
            until(taken, server.process)
            server.process.send_signal(signal.SIGTERM)
            assert [one.result()[0] for one in asked] == [200] * QUEUE
        done = ended(server.process)
        assert done.returncode == 0, done.stderr
        assert "all that was taken is answered" in done.stderr
        assert not any(map(runs, children))
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", server.http))


def failure(root: Path, *arguments: str | Path, **environment: str) -> str:
    done = ended(serve(root, *arguments, **environment))
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_what_cannot_be_served_is_told_in_one_line(root: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    assert "give one of --bundle and --export" in failure(root)
    assert "is no bundle and no exported network" in failure(root, "--bundle", tmp_path)
    assert "localhost is no IP address" in failure(root, "--bundle", tiny_bundle, "--host", "localhost")
    (tmp_path / "my own").mkdir()
    told = failure(root, "--bundle", tiny_bundle, TMPDIR=str(tmp_path / "my own"))
    assert "a space or another character that a shell takes for its own; set TMPDIR" in told
    # Of the addresses for documents (RFC 5737), which no computer has.
    told = failure(root, "--bundle", tiny_bundle, "--host", "192.0.2.1")
    assert told.endswith("of 192.0.2.1: no address of this computer; give another --host\n")
    equal = ["--http-port", "9000", "--grpc-port", "9000"]
    assert "must differ" in failure(root, "--bundle", tiny_bundle, *equal)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        told = failure(root, "--bundle", tiny_bundle, "--http-port", port)
    assert (
        f"cannot listen on port {port} of 127.0.0.1: Address already in use; give another --http-port" in told
    )


def test_an_address_of_ipv6(root: Path, tiny_bundle: Path) -> None:
    ports = free_ports(3)
    options = (f"--{name}-port={port}" for name, port in zip(("http", "grpc", "metrics"), ports, strict=True))
    process = serve(root, "--bundle", tiny_bundle, "--host=::1", "--instances=1", "--max-batch=1", *options)
    try:
        assert process.stdout is not None
        ready = process.stdout.readline()
        assert ready == f"http://[::1]:{ports[0]}/v2/models/{MODEL}_pictures/infer\n"
        for port in ports:
            socket.create_connection(("::1", port), HANG).close()
    finally:
        process.terminate()
        done = ended(process)
    assert done.returncode == 0, done.stderr


def test_the_repository_can_be_written_for_another_triton(
    root: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    out = tmp_path / "models"
    done = ended(serve(root, "--bundle", tiny_bundle, "--repository", out, "--max-batch", "4"))
    assert (done.returncode, done.stdout) == (0, f"{out}\n"), done.stderr
    for name in (MODEL, f"{MODEL}_pictures", f"{MODEL}_prepare"):
        assert "max_batch_size: 4" in (out / name / "config.pbtxt").read_text()
    assert Bundle.open(out / MODEL / "1" / "network").labels == Bundle.open(tiny_bundle).labels
    assert "is there already" in failure(root, "--bundle", tiny_bundle, "--repository", out)
    assert "--repository starts none" in failure(
        root, "--bundle", tiny_bundle, "--repository", out, "--grpc-port=9"
    )
    copied = Path(shutil.copytree(tiny_bundle, tmp_path / "bundle"))
    inside = copied / "models"
    done = ended(serve(root, "--bundle", copied, "--repository", inside))
    assert done.returncode == 0, done.stderr
    assert not (inside / MODEL / "1" / "network" / "models").exists()
    manifest = json.loads((copied / "manifest.json").read_text())
    (copied / "manifest.json").write_text(json.dumps({**manifest, "model": str(tmp_path / "elsewhere")}))
    assert "elsewhere" in failure(root, "--bundle", copied, "--repository", tmp_path / "others")
    assert not (tmp_path / "elsewhere").exists()


def test_an_address_of_ip_version_6_is_a_url() -> None:
    assert Address("::", http=9000).url == "http://[::1]:9000"
    assert Address("0.0.0.0").url == "http://127.0.0.1:8000"


def test_what_is_installed_is_what_is_pinned(root: Path) -> None:
    def lines(*files: str) -> dict[str, str]:
        text = "\n".join((root / file).read_text() for file in files)
        return {
            name.lower().replace("_", "-"): version
            for name, version in re.findall(r"^(\S+)==(\S+)", text, re.M)
        }

    frozen = subprocess.run([PYTHON, "-m", "pip", "freeze"], capture_output=True, text=True, check=True)
    installed = {
        name.lower().replace("_", "-").replace(".", "-"): version
        for name, version in re.findall(r"^(\S+)==(\S+)$", frozen.stdout, re.M)
    }
    pinned = {name.replace(".", "-"): version for name, version in lines("requirements-serving.txt").items()}
    assert installed == {name: pinned.get(name) for name in installed}
    assert {name.replace(".", "-") for name in lines("requirements-serving.txt")} <= installed.keys()
