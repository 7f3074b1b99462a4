"""Polars: the archive's Parquet, JSON decoded from its value column, rolling aggregates, Parquet.

`python job.py SPEC`. Reading and the parse run on all threads; `rolling_*_by(closed="left")` over each key is Polars'
own sliding window by event time. Of the wide set it gives the features that are such aggregates, decimals as floats.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

job = json.loads(Path(sys.argv[1]).read_text("utf-8"))
os.environ["POLARS_MAX_THREADS"] = str(job["threads"])

import polars as pl  # noqa: E402  # reads the number of threads when it is imported

ENVELOPE = pl.Struct(
    {
        "event_id": pl.String,
        "ts_utc": pl.String,
        "payload": pl.Struct({"account_id": pl.String, "merchant_id": pl.String, "amount": pl.String}),
    }
)
KEYS = ("account", "merchant")


def events() -> pl.DataFrame:
    """The decoded events in the order of their times."""
    payload = pl.col("payload").struct
    return (
        pl.scan_parquet(f"{job['archive']}/*/[0-9]*.parquet")
        .select(event=pl.col("value").cast(pl.String).str.json_decode(ENVELOPE))
        .unnest("event")
        .select(
            id="event_id",
            time=pl.col("ts_utc").str.to_datetime("%Y-%m-%dT%H:%M:%S%.6fZ", time_unit="us"),
            account=payload.field("account_id"),
            merchant=payload.field("merchant_id"),
            sum=payload.field("amount").str.replace(".", "", literal=True).cast(pl.Int64),
            count=pl.lit(1, pl.Int64),
        )
        .collect()
        .sort("time")
    )


def velocity() -> list[pl.Expr]:
    """Count and sum of three windows for both keys."""
    return [
        pl.col(kind)
        .rolling_sum_by("time", window_size=size, closed="left")
        .over(key)
        .fill_null(0)
        .alias(f"{key}_{kind}_{size}")
        for key in KEYS
        for size in job["windows_us"]
        for kind in ("count", "sum")
    ]


def wide() -> list[pl.Expr]:
    """The features of the wide set that are rolling aggregates over a sliding window."""
    found = []
    for group in job["groups"]:
        key = group["key"]["type"].removesuffix("_id")
        for feature in group["features"]:
            expression = rolling(feature)
            if expression is not None:
                found.append(expression.over(key).alias(f"{group['feature_group']}.{feature['name']}"))
    return found


def rolling(feature: dict[str, Any]) -> pl.Expr | None:
    """The aggregate, or None where it is none of Polars' rolling ones."""
    window = feature.get("window")
    if not isinstance(window, str) or window == "lifetime":
        return None
    given: dict[str, Any] = {"by": "time", "window_size": window, "closed": "left"}
    amount = pl.col("sum")
    made = {
        "count": lambda: pl.col("count").rolling_sum_by(**given).fill_null(0),
        "sum": lambda: amount.rolling_sum_by(**given).fill_null(0),
        "mean": lambda: amount.rolling_mean_by(**given),
        "variance": lambda: amount.rolling_var_by(**given, ddof=0),
        "stddev": lambda: amount.rolling_std_by(**given, ddof=0),
        "min": lambda: amount.rolling_min_by(**given),
        "max": lambda: amount.rolling_max_by(**given),
    }.get(feature["op"])
    return None if made is None else made()


started = time.perf_counter()
expressions = wide() if job["workload"] == "wide" else velocity()
answers = events().select("id", *expressions)
answers.write_parquet(job["out"]["parquet"], compression="zstd")
seconds = time.perf_counter() - started
result = {
    "events": len(answers),
    "seconds": round(seconds, 3),
    "version": pl.__version__,
    "columns": answers.columns[1:],
}
print("RESULT " + json.dumps(result))
