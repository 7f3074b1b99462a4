"""The public contracts: pydantic models, their enums, and the JSON Schema made from them.

A model takes its time to be made: what a replay has no use for is loaded when it is first used.
"""

from typing import TYPE_CHECKING

from ofs.contracts.identity import (
    AsOfBasis,
    AsOfSpec,
    BasisEntry,
    BasisRange,
    CanonicalPins,
    ContextPins,
    FeatureGroupRef,
    FeatureGroupVersionSet,
    FeatureKey,
    ReplayBasis,
    TimeMapping,
)
from ofs.contracts.model import (
    LISTED_MAX,
    Contract,
)
from ofs.contracts.request import (
    DefinitionIdentity,
    ReplayRequest,
    SnapshotOutput,
    StreamIdentity,
)
from ofs.contracts.results import (
    SNAPSHOT_SCHEMA,
    CutCertificate,
    CutEntry,
    DatasetManifest,
    DeadLetter,
    ErrorResponse,
    FieldMismatch,
    Freshness,
    GroupCounts,
    Holes,
    Listed,
    ParityEvidence,
    ParityResult,
    PartitionCertificate,
    Reason,
    ReasonDetail,
    RebuiltFeatureSnapshot,
    Rejected,
    Result,
    RunRecord,
    SelfCheck,
    SelfCheckRun,
    SnapshotProvenance,
)
from ofs.lazy import lazy_names

if TYPE_CHECKING:
    from ofs.contracts.records import DecisionRecord, EventEnvelope
    from ofs.contracts.rows import EventRow, EventRowGroup, RowsRequest, RowsRunRecord
    from ofs.contracts.schema import PUBLIC_CONTRACTS, SCHEMA_FILE, public_schema, public_schema_text

__all__ = [
    "LISTED_MAX",
    "PUBLIC_CONTRACTS",
    "SCHEMA_FILE",
    "SNAPSHOT_SCHEMA",
    "AsOfBasis",
    "AsOfSpec",
    "BasisEntry",
    "BasisRange",
    "CanonicalPins",
    "ContextPins",
    "Contract",
    "CutCertificate",
    "CutEntry",
    "DatasetManifest",
    "DeadLetter",
    "DecisionRecord",
    "DefinitionIdentity",
    "ErrorResponse",
    "EventEnvelope",
    "EventRow",
    "EventRowGroup",
    "FeatureGroupRef",
    "FeatureGroupVersionSet",
    "FeatureKey",
    "FieldMismatch",
    "Freshness",
    "GroupCounts",
    "Holes",
    "Listed",
    "ParityEvidence",
    "ParityResult",
    "PartitionCertificate",
    "Reason",
    "ReasonDetail",
    "RebuiltFeatureSnapshot",
    "Rejected",
    "ReplayBasis",
    "ReplayRequest",
    "Result",
    "RowsRequest",
    "RowsRunRecord",
    "RunRecord",
    "SelfCheck",
    "SelfCheckRun",
    "SnapshotOutput",
    "SnapshotProvenance",
    "StreamIdentity",
    "TimeMapping",
    "public_schema",
    "public_schema_text",
]

__getattr__ = lazy_names(
    __name__,
    {
        "DecisionRecord": "records",
        "EventEnvelope": "records",
        "EventRow": "rows",
        "EventRowGroup": "rows",
        "PUBLIC_CONTRACTS": "schema",
        "RowsRequest": "rows",
        "RowsRunRecord": "rows",
        "SCHEMA_FILE": "schema",
        "public_schema": "schema",
        "public_schema_text": "schema",
    },
)
