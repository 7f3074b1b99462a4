"""The JSON Schema of all public contracts, generated from the models."""

from __future__ import annotations

import json
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from ofs.contracts.identity import (
    AsOfSpec,
    ContextPins,
    FeatureGroupRef,
    FeatureGroupVersionSet,
    FeatureKey,
    ReplayBasis,
)
from ofs.contracts.model import Contract
from ofs.contracts.records import DecisionRecord, EventEnvelope
from ofs.contracts.request import ReplayRequest
from ofs.contracts.results import (
    CutCertificate,
    DatasetManifest,
    DeadLetter,
    ErrorResponse,
    ParityResult,
    RebuiltFeatureSnapshot,
    RunRecord,
)
from ofs.contracts.rows import EventRow, RowsRequest, RowsRunRecord

PUBLIC_CONTRACTS: Final[tuple[type[Contract], ...]] = (
    ContextPins,
    FeatureKey,
    ReplayBasis,
    AsOfSpec,
    FeatureGroupRef,
    FeatureGroupVersionSet,
    EventEnvelope,
    DecisionRecord,
    ReplayRequest,
    RebuiltFeatureSnapshot,
    ParityResult,
    DeadLetter,
    DatasetManifest,
    RunRecord,
    CutCertificate,
    EventRow,
    RowsRequest,
    RowsRunRecord,
    ErrorResponse,
)
SCHEMA_FILE: Final = "ofs_public_contracts_v0.schema.json"


def public_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 with one definition a contract, sorted by name."""
    _, schema = models_json_schema([(model, "validation") for model in PUBLIC_CONTRACTS])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:ofs:public-contracts:v0",
        "title": "OFS public contracts v0",
        "$defs": dict(sorted(schema["$defs"].items())),
    }


def public_schema_text() -> str:
    """The schema as the file in contracts/ holds it."""
    return json.dumps(public_schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
