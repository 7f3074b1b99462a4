"""Polars: the archive's Parquet, JSON decoded from its value column, twelve rolling sums, Parquet.

`python job.py SPEC`. Lazy reading and the parse run on all threads; `rolling_sum_by(closed="left")` over each key is
Polars' own sliding window by event time.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

job = json.loads(Path(sys.argv[1]).read_text("utf-8"))
os.environ["POLARS_MAX_THREADS"] = str(job["threads"])

import polars as pl  # noqa: E402  # reads the number of threads when it is imported

started = time.perf_counter()
envelope = pl.Struct(
    {
        "event_id": pl.String,
        "ts_utc": pl.String,
        "payload": pl.Struct({"account_id": pl.String, "merchant_id": pl.String, "amount": pl.String}),
    }
)
decoded = (
    pl.scan_parquet(f"{job['archive']}/*/[0-9]*.parquet")
    .select(event=pl.col("value").cast(pl.String).str.json_decode(envelope))
    .unnest("event")
    .select(
        id="event_id",
        time=pl.col("ts_utc").str.to_datetime("%Y-%m-%dT%H:%M:%S%.6fZ", time_unit="us"),
        account=pl.col("payload").struct.field("account_id"),
        merchant=pl.col("payload").struct.field("merchant_id"),
        sum=pl.col("payload").struct.field("amount").str.replace(".", "", literal=True).cast(pl.Int64),
        count=pl.lit(1, pl.Int64),
    )
)
events = decoded.collect().sort("time")
rolling = [
    pl.col(kind)
    .rolling_sum_by("time", window_size=size, closed="left")
    .over(key)
    .fill_null(0)
    .alias(f"{key}_{kind}_{size}")
    for key in ("account", "merchant")
    for size in job["windows_us"]
    for kind in ("count", "sum")
]
answers = events.select("id", *rolling)
answers.write_parquet(job["out"]["parquet"], compression="zstd")
seconds = time.perf_counter() - started
print(
    "RESULT " + json.dumps({"events": len(answers), "seconds": round(seconds, 3), "version": pl.__version__})
)
