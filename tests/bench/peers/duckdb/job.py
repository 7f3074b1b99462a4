"""DuckDB: the archive's Parquet, JSON decoded from its value column, twelve window aggregates, Parquet.

`python job.py SPEC`. RANGE frames that end one microsecond before the row are sliding windows by event time.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import duckdb

job = json.loads(Path(sys.argv[1]).read_text("utf-8"))
started = time.perf_counter()
base = duckdb.connect()
base.execute(f"SET threads = {job['threads']}; SET preserve_insertion_order = false; SET TimeZone = 'UTC'")
base.execute(f"SET temp_directory = '{job['work']}'")
shape = (
    '{"event_id": "VARCHAR", "ts_utc": "TIMESTAMP",'
    ' "payload": {"account_id": "VARCHAR", "merchant_id": "VARCHAR", "amount": "DECIMAL(18, 2)"}}'
)
events = f"""
    SELECT e.event_id AS id, epoch_us(e.ts_utc) AS time,
           e.payload.account_id AS account, e.payload.merchant_id AS merchant,
           CAST(e.payload.amount * 100 AS BIGINT) AS cents
    FROM (SELECT from_json(decode(value), '{shape}') AS e FROM read_parquet('{job["archive"]}/*/[0-9]*.parquet'))
"""
keys = ("account", "merchant")
columns = ", ".join(
    f"COUNT(*) OVER {key}_{size} AS {key}_count_{size},"
    f" COALESCE(SUM(cents) OVER {key}_{size}, 0)::BIGINT AS {key}_sum_{size}"
    for key in keys
    for size in job["windows_us"]
)
windows = ", ".join(
    f"{key}_{size} AS (PARTITION BY {key} ORDER BY time RANGE BETWEEN {length_us} PRECEDING AND 1 PRECEDING)"
    for key in keys
    for size, length_us in job["windows_us"].items()
)
written = base.execute(
    f"COPY (SELECT id, {columns} FROM ({events}) WINDOW {windows}) TO '{job['out']['parquet']}' (COMPRESSION zstd)"
).fetchall()
seconds = time.perf_counter() - started
print(
    "RESULT "
    + json.dumps({"events": written[0][0], "seconds": round(seconds, 3), "version": duckdb.__version__})
)
