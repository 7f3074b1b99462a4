"""What all contract models share: strict, frozen, absent rather than null."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from ofs.canonical import format_integer, jcs
from ofs.units import INT64_MAX, parse_timestamp_us

Hex32 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Hex64 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=128)]
NonEmpty = Annotated[str, StringConstraints(min_length=1)]
StreamName = Annotated[str, StringConstraints(min_length=1, max_length=249)]
Count = Annotated[int, Field(ge=0)]
Offset = Annotated[int, Field(ge=0, le=INT64_MAX)]
PartitionId = Annotated[int, Field(ge=0, le=2**31 - 1)]
BigInteger = Annotated[str, StringConstraints(pattern=r"^-?[1-9][0-9]{15,18}$")]
"""An integer beyond ±(2^53-1), as canonical JSON writes it."""

LISTED_MAX: Final = 1_000
"""Lists of single findings stop here; the full count stands beside them."""


def _checked_timestamp(text: str) -> str:
    if parse_timestamp_us(text) is None:
        raise ValueError("not YYYY-MM-DDThh:mm:ss[.1-6 digits]Z")
    return text


Timestamp = Annotated[
    str,
    AfterValidator(_checked_timestamp),
    Field(
        json_schema_extra={
            "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z$",
            "format": "date-time",
        }
    ),
]


class Contract(BaseModel):
    """A model that forbids unknown members and coerces nothing."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", ser_json_inf_nan="strings")

    def to_dict(self) -> dict[str, Any]:
        """Plain values; members that are absent (optional ones that are None) are left out, see `nullable`."""
        nullable = type(self).nullable_members()
        plain: dict[str, Any] = {}
        for name in type(self).model_fields:
            value = getattr(self, name)
            if value is not None or name in nullable:
                plain[name] = _plain(value)
        return plain

    def to_bytes(self) -> bytes:
        """RFC 8785 bytes of `to_dict`."""
        return jcs(self.to_dict())

    @classmethod
    def nullable_members(cls) -> frozenset[str]:
        """Members that stand as null where they have no value; all others are left out then."""
        return frozenset()


class OpenContract(Contract):
    """A model of records from outside: unknown members are ignored."""

    model_config = ConfigDict(extra="ignore")


def _plain(value: Any) -> Any:
    if isinstance(value, Contract):
        return value.to_dict()
    if isinstance(value, dict):
        return {name: _plain(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return format_integer(value) if type(value) is int else value
