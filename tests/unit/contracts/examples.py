"""One small, complete record of every public contract, as plain values."""

from __future__ import annotations

from typing import Any, Final

HASH: Final = "ab" * 32
PINS: Final[dict[str, Any]] = {
    "manifest_fingerprint": "a" * 64,
    "parameter_hash": "b" * 64,
    "scenario_id": "base",
    "run_id": "c" * 32,
}
KEY: Final = {"key_type": "account_id", "key_id": "A1"}
GROUP: Final = {"name": "velocity", "version": "v1", "digest": HASH}
AS_OF: Final = {"as_of_time_utc": "2026-01-01T00:00:00Z", "as_of_basis": "event_time"}
CUT: Final = {"stream": "events", "partition": 0, "next_offset": 7}
RANGE: Final = {"stream": "events", "partition": 0, "start": 0, "end": 7}
_LISTED: Final = {"count": 1, "offsets": (3,)}

EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "ContextPins": PINS,
    "FeatureKey": KEY,
    "ReplayBasis": {"ranges": (RANGE,)},
    "AsOfSpec": AS_OF,
    "FeatureGroupRef": GROUP,
    "FeatureGroupVersionSet": {"groups": (GROUP,)},
    "EventEnvelope": {
        "event_id": "e",
        "event_type": "t",
        "ts_utc": "2026-01-01T00:00:00Z",
        **PINS,
        "payload": {"a": 1},
    },
    "DecisionRecord": {
        "decision_id": "d",
        "context_pins": PINS,
        "feature_keys": [KEY],
        "feature_groups": [GROUP],
        "as_of_spec": AS_OF,
        "basis": [CUT],
    },
    "ReplayRequest": {
        "schema_version": "ofs.request/v0",
        "streams": ({"stream": "events", "log_id": "x"},),
        "decisions_digest": HASH,
        "definitions": (GROUP,),
        "max_clock_skew_us": 0,
        "hash_rules": ("ofs-jcs-sha256/v1",),
        "snapshots": "all",
    },
    "RebuiltFeatureSnapshot": {
        "schema_version": "ofs.snapshot/v0",
        "hash_rule": "ofs-jcs-sha256/v1",
        "context_pins": PINS,
        "as_of_spec": AS_OF,
        "basis": (CUT,),
        "feature_groups": (GROUP,),
        "features": {"account_id:A1": {"velocity": {"n": 1, "x": None}}},
        "freshness": {
            "account_id:A1": {"velocity": {"last_event_time_utc": None, "age_us": None, "state": "NO_DATA"}}
        },
        "snapshot_hash": HASH,
        "provenance": {"replay_id": HASH, "events_matched": False},
    },
    "ParityResult": {
        "decision_id": "d",
        "feature_keys": None,
        "as_of_spec": None,
        "online_snapshot_hash": None,
        "offline_snapshot_hash": None,
        "result": "UNCHECKABLE",
        "reason": "BASIS_MISSING",
        "replay_id": HASH,
        "evidence": {
            "feature_groups": None,
            "basis": None,
            "mismatch_fields": ({"path": "/features/a", "online": None, "offline": 1},),
            "online_features_match_hash": "unknown",
            "reason_details": ({"reason": "BASIS_MISSING", "missing": (RANGE,)},),
            "further_reasons": ("ONLINE_HASH_MISSING",),
        },
    },
    "DeadLetter": {"source": "x.jsonl", "line": 0, "reason": "NOT_AN_OBJECT", "sha256": HASH, "text": "["},
    "DatasetManifest": {
        "dataset_id": "s",
        "dataset_kind": "training",
        "schema_version": "ofs.dataset/v0",
        "context_pins": PINS,
        "feature_group_versions": {"groups": (GROUP,)},
        "replay_basis": {"ranges": (RANGE,)},
        "row_count": 0,
        "content_digest": HASH,
        "columns": (),
        "artifact_ref": "s.parquet",
        "replay_id": HASH,
    },
    "RunRecord": {
        "schema_version": "ofs.run/v0",
        "replay_id": HASH,
        "request": {},
        "engine": "native",
        "engine_version": "0.1.0",
        "started_at_utc": "2026-01-01T00:00:00Z",
        "finished_at_utc": "2026-01-01T00:00:01Z",
        "decisions": 1,
        "duplicate_decisions": 0,
        "dead_letters": 0,
        "results": {"MATCH": 1},
        "reasons": {},
        "mismatch_fields": {},
        "parity_digest": HASH,
        "certificate_digest": HASH,
        "outputs": {},
        "figures": {},
        "self_check": {
            "runs": ({"batch_size": 1, "workers": 1, "uneven_reads": True, "state_on_disk": False},),
            "equal": True,
        },
        "record_digest": HASH,
    },
    "CutCertificate": {
        "schema_version": "ofs.certificate/v0",
        "replay_id": HASH,
        "partitions": (
            {
                "stream": "events",
                "partition": 0,
                "partition_count": 1,
                "log_id": "x",
                "topic_id": None,
                "start": 0,
                "start_from": "origin",
                "end": 7,
                "bound_skew_us": None,
                "low": 0,
                "log_end": 9,
                "low_watermark": 0,
                "last_stable_offset": 9,
                "expired": (),
                "unread": (),
                "records": 6,
                "admitted": 5,
                "rejected": {"count": 1, "by_reason": {"not_json": 1}, "offsets": ((3, "not_json"),)},
                "duplicates": _LISTED,
                "duplicates_differing": {"count": 0, "offsets": ()},
                "other_pins": 0,
                "holes": {"count": 1, "ranges": ((1, 2),)},
                "skew_us_max": -3,
                "skew_violation": None,
                "content_digest": HASH,
                "groups": {
                    "velocity:v1": {
                        "usable": 1,
                        "filtered": 0,
                        **dict.fromkeys(
                            ("no_key", "key_invalid", "value_invalid", "value_missing", "late"), _LISTED
                        ),
                    }
                },
            },
        ),
        "max_clock_skew_us": 0,
        "assumptions": ("log timestamps are the broker's",),
    },
    "EventRow": {
        "replay_id": HASH,
        "stream": "events",
        "partition": 0,
        "offset": 7,
        "event_id": "e1",
        "event_type": "t",
        "as_of_time_utc": "2026-01-01T00:00:00Z",
        "groups": {
            "velocity": {"key_id": "A1", "features": {"n": 1, "sum": "1.00"}},
            "other": {"key_id": None, "features": None},
        },
    },
    "RowsRequest": {
        "schema_version": "ofs.rows-request/v0",
        "stream": {"stream": "events", "log_id": "x"},
        "basis": {"ranges": (RANGE,)},
        "context_pins": PINS,
        "definitions": ({"name": "velocity", "version": "v1", "digest": HASH},),
        "max_clock_skew_us": 0,
    },
    "RowsRunRecord": {
        "schema_version": "ofs.rows-run/v0",
        "replay_id": HASH,
        "request": {},
        "engine": "native",
        "engine_version": "0.1.0",
        "started_at_utc": "2026-01-01T00:00:00Z",
        "finished_at_utc": "2026-01-01T00:00:01Z",
        "rows": 1,
        "left_out": {"HISTORY_TRUNCATED": 2},
        "columns": ({"name": "stream", "type": "utf8"},),
        "certificate_digest": HASH,
        "outputs": {},
        "figures": {},
        "record_digest": HASH,
    },
    "ErrorResponse": {"error": "USAGE", "message": "no", "exit_code": 2},
}
