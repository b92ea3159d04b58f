"""Writes `quant/form_costs.json`: instructions of one block in each form of attention, for each size of DeiT.

    ./run.sh benchmarks/form_costs.py

To be run when `quant/cost.py` or its rates change. Takes minutes.
"""

from __future__ import annotations

import json

from lite import zoo
from lite.files import write_text
from quant import forms


def main() -> None:
    """Runs the command."""
    sizes = {forms.size_of(variant): variant for variant in reversed(zoo.MODELS.values())}
    precisions: tuple[forms.Precision, ...] = ("int8", "fp32")
    costs = {
        precision: {
            size: {form: round(forms.block_cost(variant, form, precision)) for form in forms.FORMS}
            for size, variant in sorted(sizes.items())
        }
        for precision in precisions
    }
    write_text(forms.TABLE, json.dumps(costs, indent=2) + "\n", remedy="check the folder's permissions")
    print(json.dumps(costs))


if __name__ == "__main__":
    main()
