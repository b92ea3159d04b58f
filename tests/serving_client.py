"""Asks a server by tritonclient over HTTP and gRPC; run in the server's environment, which has it.

python serving_client.py HTTP_PORT GRPC_PORT MODEL TENSORS.npy PICTURE... → JSON on standard output
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import tritonclient.grpc
import tritonclient.http


def ask(module: Any, url: str, model: str, name: str, values: np.ndarray, dtype: str) -> dict[str, Any]:
    client = module.InferenceServerClient(url)
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(model)
    sent = module.InferInput(name, list(values.shape), dtype)
    sent.set_data_from_numpy(values)
    answer = client.infer(model, [sent])
    label = [[one.decode() for one in row] for row in answer.as_numpy("label")]
    return {
        "logits": answer.as_numpy("logits").tolist(),
        "label": label,
        "probability": answer.as_numpy("probability").tolist(),
    }


def main(http: str, grpc: str, model: str, tensors: str, *pictures: str) -> None:
    files = np.array([[Path(picture).read_bytes()] for picture in pictures], np.object_)
    print(
        json.dumps(
            {
                f"{kind} over {protocol}": ask(module, f"127.0.0.1:{port}", *asked)
                for protocol, module, port in (
                    ("HTTP", tritonclient.http, http),
                    ("gRPC", tritonclient.grpc, grpc),
                )
                for kind, *asked in (
                    ("tensors", model, "image", np.load(tensors), "FP32"),
                    ("pictures", f"{model}_pictures", "picture", files, "BYTES"),
                )
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
