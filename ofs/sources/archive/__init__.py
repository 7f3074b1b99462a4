"""The archive: the long copy of a log in Parquet files, with the offsets, times and bytes as they were."""

from ofs.sources.archive.exporting import export
from ofs.sources.archive.following import Pace, follow
from ofs.sources.archive.importing import import_ndjson
from ofs.sources.archive.log import ArchiveLog
from ofs.sources.archive.manifest import Manifest
from ofs.sources.archive.verifying import PartitionReport, StreamReport, VerifyReport, verify
from ofs.sources.archive.write import Progress, Timestamps

__all__ = [
    "ArchiveLog",
    "Manifest",
    "Pace",
    "PartitionReport",
    "Progress",
    "StreamReport",
    "Timestamps",
    "VerifyReport",
    "export",
    "follow",
    "import_ndjson",
    "verify",
]
