"""Finding weights: a file, the bundled digits, the official ones from a server on the loopback interface."""

from __future__ import annotations

import hashlib
import socket
from pathlib import Path

import numpy as np
import pytest

from lite import download
from lite.errors import DownloadError, InputError
from lite.model import weights
from lite.model.weights import load
from lite.zoo import MODELS
from tests.loopback import serve
from tests.states import random_state, write_state

TINY = MODELS["deit_tiny"]


def silent(line: str) -> None:
    """For loads that have nothing to notify of."""
    raise AssertionError(f"unexpected notice: {line}")


@pytest.fixture(scope="module")
def tiny_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_state(tmp_path_factory.mktemp("tiny") / "Fine_Tuned v2.pdparams", random_state(TINY, 4))


def test_a_file(tiny_file: Path) -> None:
    found = load(TINY, str(tiny_file), notify=silent)
    assert (found.source, found.name, found.path) == ("file", "fine-tuned-v2", tiny_file)
    assert found.labels == ("class 0", "class 1", "class 2", "class 3")
    assert found.classes == 4
    assert found.sha256 == hashlib.sha256(tiny_file.read_bytes()).hexdigest()
    for name, value in random_state(TINY, 4).items():
        np.testing.assert_array_equal(found.state[name], value)


@pytest.mark.parametrize(
    ("file", "name"),
    [("digits.pdparams", "file-digits"), ("imagenet.pdparams", "file-imagenet"), ("模型.pdparams", "file"),
     ("--A..b--.pdparams", "a-b"), ("epoch_12.pdparams", "epoch-12")],
)  # fmt: skip
def test_a_file_gives_a_clean_name(file: str, name: str) -> None:
    assert weights.Weights(TINY, "file", Path("runs") / file, "", {}, ()).name == name


def test_the_fewest_classes_are_known_without_a_server(tiny_file: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv(download.CACHE_VARIABLE, str(tmp_path))
    small = MODELS["deit_small"]
    with serve(b"not asked") as server:
        monkeypatch.setenv(weights.URL_VARIABLE, f"{server.url}?{{name}}")
        assert weights.fewest_classes(TINY, "digits") == 10
        assert weights.fewest_classes(TINY, "imagenet") == 1000
        assert weights.fewest_classes(TINY, str(tiny_file)) == 4
        # Weights that are not there yet may become the digits, which are deit_tiny's only.
        assert weights.fewest_classes(TINY, "auto") == 10
        assert weights.fewest_classes(small, "auto") == 1000
        cached = weights.imagenet_file(TINY)
        cached.parent.mkdir(parents=True)
        cached.touch()
        assert weights.fewest_classes(TINY, "auto") == 1000
        assert not server.ranges
    with pytest.raises(InputError, match="no such file"):
        weights.fewest_classes(TINY, str(tmp_path / "none.pdparams"))
    with pytest.raises(InputError, match=r"v2\.pdparams do not fit deit_small: "):
        weights.fewest_classes(small, str(tiny_file))


def test_labels_from_a_file(tiny_file: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_bytes("\ufeffKatze\r\n犬\r\n great white shark, shark \r\ncrane\r\n\r\n".encode())
    found = load(TINY, str(tiny_file), labels=labels, notify=silent)
    assert found.labels == ("Katze", "犬", "great white shark, shark", "crane")


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"a\nb\nc\n", "have 3 lines, the weights 4 classes"), (b"a\nb\nc\nd\ne", "have 5 lines"),
     (b"", "have 0 lines"), (b"a\n\nc\nd\n", "line 2 is empty"), (b"\xff\xfe\x00", "not UTF-8"),
     (None, "cannot read labels")],
)  # fmt: skip
def test_labels_that_do_not_fit(tiny_file: Path, tmp_path: Path, content: bytes | None, words: str) -> None:
    if content is not None:
        (tmp_path / "labels.txt").write_bytes(content)
    with pytest.raises(InputError, match=words):
        load(TINY, str(tiny_file), labels=tmp_path / "labels.txt", notify=silent)


def test_a_file_for_another_model_names_both(tiny_file: Path) -> None:
    with pytest.raises(
        InputError, match=r"Fine_Tuned v2.pdparams do not fit deit_small: these are deit_tiny"
    ):
        load(MODELS["deit_small"], str(tiny_file), notify=silent)


@pytest.fixture
def digits_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    state = {name: value.astype(np.float16) for name, value in random_state(TINY, 10).items()}
    path = write_state(tmp_path / "deit_tiny_digits.pdparams", state)
    monkeypatch.setattr(weights, "DIGITS_FILE", path)
    return path


def test_digits(digits_file: Path) -> None:
    found = load(TINY, "digits", notify=silent)
    assert (found.source, found.name, found.path) == ("digits", "digits", digits_file)
    assert found.labels == tuple("0123456789")


def test_digits_that_are_missing(digits_file: Path) -> None:
    digits_file.unlink()
    with pytest.raises(InputError, match="are missing"):
        load(TINY, "digits", notify=silent)


def test_digits_exist_for_tiny_only() -> None:
    with pytest.raises(InputError, match="for deit_tiny only, not for deit_small"):
        load(MODELS["deit_small"], "digits", notify=silent)


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    # Protocol 2, which Paddle 2.0 wrote: the largest form the official file can have.
    path = tmp_path_factory.mktemp("official") / "a.pdparams"
    return write_state(path, random_state(TINY, 1000), protocol=2).read_bytes()


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache and an address where nobody listens; returns where deit_tiny's file belongs."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    monkeypatch.setenv("DEIT_LITE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("DEIT_LITE_WEIGHTS_URL", f"http://127.0.0.1:{port}/{{name}}.pdparams")
    return tmp_path / "cache" / "weights" / "DeiT_tiny_patch16_224_pretrained.pdparams"


def test_imagenet_is_downloaded_once(offline: Path, official: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(official) as server:
        monkeypatch.setenv("DEIT_LITE_WEIGHTS_URL", server.url + "/{name}")
        notices: list[str] = []
        found = load(TINY, "auto", notify=notices.append)
        assert server.ranges == [None, None]  # whether it is reachable, then the file
    (notice,) = notices
    assert f"has SHA-256 {found.sha256}; it is recorded in {offline}.sha256" in notice
    assert (found.source, found.name, found.path, found.classes) == ("imagenet", "imagenet", offline, 1000)
    assert found.labels[0] == "tench, Tinca tinca"
    assert found.labels[999] == "toilet tissue, toilet paper, bathroom tissue"
    for source in ("imagenet", "auto"):
        assert load(TINY, source, notify=silent).sha256 == hashlib.sha256(official).hexdigest()


def test_official_weights_must_stay_those_of_their_first_use(
    offline: Path, official: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = official[:-1_000_000] + bytes(1_000) + official[-999_000:]
    with serve(official) as server:
        monkeypatch.setenv("DEIT_LITE_WEIGHTS_URL", server.url + "/{name}")
        digest = load(TINY, "imagenet", notify=print).sha256
        offline.write_bytes(other)
        with pytest.raises(
            InputError, match=f"{offline.name} is another file than at its first use: .* {digest};"
        ):
            load(TINY, "auto", notify=silent)
        offline.unlink()
        server.body = other
        with pytest.raises(DownloadError, match=f"another file than at its first use: .*, not {digest};"):
            load(TINY, "imagenet", notify=silent)
        assert not offline.exists()
        server.body = official
        assert load(TINY, "imagenet", notify=silent).sha256 == digest


def test_weights_put_into_the_cache_are_recorded_once_they_fit(
    offline: Path, official: bytes, tiny_file: Path
) -> None:
    offline.parent.mkdir(parents=True)
    offline.write_bytes(tiny_file.read_bytes())
    with pytest.raises(InputError, match="delete the file"):
        load(TINY, "imagenet", notify=silent)
    offline.write_bytes(official)
    notices: list[str] = []
    load(TINY, "imagenet", notify=notices.append)
    assert hashlib.sha256(official).hexdigest() in notices[0]
    load(TINY, "imagenet", notify=silent)


def test_a_demanded_sha256(offline: Path, official: bytes, tiny_file: Path, monkeypatch) -> None:
    good, bad = hashlib.sha256(tiny_file.read_bytes()).hexdigest(), "0" * 64
    assert load(TINY, str(tiny_file), sha256=good, notify=silent).sha256 == good
    for source, words in (
        (str(tiny_file), "Fine_Tuned v2.pdparams"),
        ("digits", "deit_tiny_digits.pdparams"),
    ):
        with pytest.raises(InputError, match=f"{words} is another file than the one that --sha256 demands"):
            load(TINY, source, sha256=bad, notify=silent)
    # Weights of digits would not be what is demanded, so they do not stand in.
    with pytest.raises(DownloadError, match="connection refused"):
        load(TINY, "auto", sha256=bad, notify=silent)
    with serve(official) as server:
        monkeypatch.setenv("DEIT_LITE_WEIGHTS_URL", server.url + "/{name}")
        with pytest.raises(DownloadError, match="another file than the one that --sha256 demands"):
            load(TINY, "imagenet", sha256=bad, notify=silent)
        assert (
            load(TINY, "auto", sha256=hashlib.sha256(official).hexdigest(), notify=print).source == "imagenet"
        )


def test_imagenet_without_a_network(offline: Path) -> None:
    with pytest.raises(DownloadError, match="connection refused") as caught:
        load(TINY, "imagenet", notify=silent)
    assert caught.value.exit_code == 5
    assert str(offline) in str(caught.value)
    assert "/DeiT_tiny_patch16_224.pdparams" in str(caught.value)


def test_auto_without_a_network_takes_the_digits_and_says_so(offline: Path, digits_file: Path) -> None:
    notices: list[str] = []
    found = load(TINY, "auto", notify=notices.append)
    assert (found.source, found.path) == ("digits", digits_file)
    assert len(notices) == 1
    for word in ("WARNING", "DIGITS", str(offline)):
        assert word in notices[0]


def test_auto_without_a_network_fails_for_other_variants(offline: Path) -> None:
    with pytest.raises(DownloadError, match=r"DeiT_small_patch16_224_pretrained.*for deit_tiny only"):
        load(MODELS["deit_small"], "auto", notify=silent)


def test_auto_does_not_fall_back_once_the_server_answers(
    offline: Path, official: bytes, digits_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(official[:-1000]) as server:
        monkeypatch.setenv("DEIT_LITE_WEIGHTS_URL", server.url + "/{name}")
        with pytest.raises(DownloadError, match=r"gave a wrong file: .*cut short"):
            load(TINY, "auto", notify=silent)
    assert not offline.exists()


def test_the_server_gives_another_file(
    offline: Path, tiny_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(tiny_file.read_bytes()) as server:
        monkeypatch.setenv("DEIT_LITE_WEIGHTS_URL", server.url + "/{name}")
        with pytest.raises(DownloadError, match="wrong file: weights with 4 classes instead of 1000"):
            load(TINY, "imagenet", notify=silent)
        with pytest.raises(DownloadError, match="are expected"):
            load(MODELS["deit_small"], "imagenet", notify=silent)


def test_a_wrong_file_in_the_cache_is_named_and_stays(offline: Path, tiny_file: Path) -> None:
    offline.parent.mkdir(parents=True)
    offline.write_bytes(tiny_file.read_bytes())
    with pytest.raises(InputError, match=r"DeiT_tiny_patch16_224_pretrained.*4 classes.*delete the file"):
        load(TINY, "imagenet", notify=silent)
    assert offline.exists()


def test_a_mirror_without_a_place_for_the_name(offline: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEIT_LITE_WEIGHTS_URL", "http://127.0.0.1/weights")
    with pytest.raises(InputError, match=r"{name}"):
        load(TINY, "imagenet", notify=silent)


def test_the_cache_is_the_users_by_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DEIT_LITE_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = tmp_path / "deit-lite" / "weights" / "DeiT_tiny_patch16_224_pretrained.pdparams"
    assert weights.imagenet_file(TINY) == path


def test_the_official_address() -> None:
    assert weights.weights_url(TINY) == TINY.weights_url


def test_imagenet_names() -> None:
    names = weights.imagenet_labels()
    assert len(names) == 1000
    # Indices known from the ILSVRC 2012 list.
    known = {1: "goldfish", 207: "golden retriever", 281: "tabby", 465: "bulletproof vest", 980: "volcano"}
    for index, name in known.items():
        assert names[index].startswith(name)
    assert not any("\n" in name for name in names)
