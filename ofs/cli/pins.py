"""Pins given in a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ofs.cli.parameters import read_json_file
from ofs.errors import UsageError


def read_pins(path: str) -> dict[str, Any]:
    """The pins of a file. Raises UsageError that names the member and what it should be."""
    from pydantic import ValidationError

    from ofs.contracts import ContextPins

    document = read_json_file(path, "ContextPins")
    try:
        pins = ContextPins.model_validate(
            {name: value for name, value in document.items() if value is not None}
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        member = ".".join(map(str, first["loc"]))
        found = "" if first["type"] == "missing" else f", found {json.dumps(first['input'])}"
        name = "standard input" if path == "-" else str(Path(path))
        raise UsageError(
            f"{name}: pins: {member}: {first['msg']}{found}",
            hint="manifest_fingerprint, parameter_hash, scenario_id and run_id are required",
        ) from error
    return pins.to_dict()
