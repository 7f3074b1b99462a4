"""The archive: the long copy of a log in Parquet files, with the offsets, times and bytes as they were.

To read one takes a part of it; what writes and verifies archives is loaded when it is first used.
"""

from typing import TYPE_CHECKING

from ofs.lazy import lazy_names

if TYPE_CHECKING:
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

__getattr__ = lazy_names(
    __name__,
    {
        "ArchiveLog": "log",
        "Manifest": "manifest",
        "Pace": "following",
        "PartitionReport": "verifying",
        "Progress": "write",
        "StreamReport": "verifying",
        "Timestamps": "write",
        "VerifyReport": "verifying",
        "export": "exporting",
        "follow": "following",
        "import_ndjson": "importing",
        "verify": "verifying",
    },
)
