"""Takes the observers of the ONNX format away from layers that are to stay in float.

PaddleSlim puts a quantizer that only notes a scale behind every operator. Paddle Lite's optimizer does not see
the difference: it makes a product of two activations INT8 when such a quantizer stands before it, though the
layer was to be skipped and Paddle's simulation computes it in float.
"""

from __future__ import annotations

from collections.abc import Collection

from lite.export import Exported, LoadedProgram, static_graph

_OBSERVED = ".quantized.dequantized"


def detach(quantized: Exported, skipped: Collection[str]) -> None:
    """Lets operators that read one of the tensors `skipped` read all their inputs unobserved; saves the program."""
    with static_graph() as executor:
        loaded = LoadedProgram(quantized, executor)
        block = loaded.program.global_block()
        observing = {
            name
            for operator in block.ops
            if operator.type == "dequantize_linear"
            and operator.has_attr("only_observer")
            and operator.attr("only_observer")
            for name in operator.output_arg_names
        }
        for operator in block.ops:
            if operator.type.endswith("quantize_linear"):
                continue
            sources = {name: name.removesuffix(_OBSERVED) for name in operator.input_arg_names}
            if set(sources.values()) & set(skipped):
                for name, source in sources.items():
                    if name in observing:
                        operator._rename_input(name, source)
        # Observers that nothing reads any more are not saved.
        loaded.save(quantized.model.parent)
