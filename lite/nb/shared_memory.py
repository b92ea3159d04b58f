"""Tensors of a `.nb` that are not there at the same time under one name, so that they share memory.

Paddle Lite's runtime keeps every tensor of a program as long as the program. Its optimizer has a pass for this, for ARM
(`memory_optimize_pass`); it is done here for x86, and after operators have been changed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace

from lite.nb import reader
from lite.nb.program import BOOLEAN, Attribute, Operator, ProgramBlock, Variable


def share(block: ProgramBlock, operators: Sequence[Operator]) -> ProgramBlock:
    """The block with the operators, tensors that are not there at the same time under one name.

    What feed, fetch and operators in place have shares with none, as opt has it.
    """
    kept = {each.name for each in block.variables if each.persistable} | set(fed_and_fetched(block))
    last: dict[str, int] = {}
    for place, operator in enumerate(operators):
        for name in operator.names:
            last[name] = place
            in_place = operator.attributes.get("inplace", Attribute(BOOLEAN, False)).value
            if operator.type in ("feed", "fetch") or in_place:
                kept.add(name)
    free: list[str] = []
    held: dict[str, str] = {name: name for name in kept}
    ends: defaultdict[int, list[str]] = defaultdict(list)
    for name, place in last.items():
        ends[place].append(name)
    shared = []
    for place, operator in enumerate(operators):
        for name in operator.names:
            if name not in held:
                held[name] = free.pop() if free else name
        shared.append(renamed(operator, held))
        free += [held[name] for name in ends[place] if name not in kept]
    return replace(block, operators=tuple(shared), variables=_declared(block, [held[name] for name in last]))


def _declared(block: ProgramBlock, names: Collection[str]) -> tuple[Variable, ...]:
    """Variables for the names: as they were where they were, new ones like any other tensor of the program."""
    known = {each.name: each for each in block.variables}
    model = next(each for each in block.variables if each.dims is not None and not each.persistable)
    all_names = dict.fromkeys([*fed_and_fetched(block), *names])
    return tuple(known.get(name, replace(model, name=name)) for name in all_names)


def fed_and_fetched(block: ProgramBlock) -> list[str]:
    """Names of the variables that feed and fetch read and write."""
    return [each.name for each in block.variables if each.kind in reader.FEED_OR_FETCH]


def renamed(operator: Operator, names: dict[str, str]) -> Operator:
    """The operator with other names for its tensors."""
    inputs, outputs = (
        {parameter: tuple(names[each] for each in old) for parameter, old in side.items()}
        for side in (operator.inputs, operator.outputs)
    )
    return replace(operator, inputs=inputs, outputs=outputs)
