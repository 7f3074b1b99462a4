"""A definition file as text nodes with lines, and `Place`: a node that knows where it stands."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from ofs.errors import DefinitionError
from ofs.features.operators import Problem

__all__ = ["ListNode", "MapNode", "Member", "Node", "Place", "ScalarNode", "shown"]

_SHOWN_LENGTH_MAX: Final = 80


@dataclass(frozen=True, slots=True)
class ScalarNode:
    """Text as it was written, unquoted; `plain`: it stood without quotes. Lines count from 1."""

    text: str
    plain: bool
    line: int


@dataclass(frozen=True, slots=True)
class ListNode:
    """Items in the order of the file."""

    items: tuple[Node, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Member:
    """One name and its node, with the line of the name."""

    name: str
    node: Node
    line: int


@dataclass(frozen=True, slots=True)
class MapNode:
    """Members in the order of the file; names are unique."""

    members: tuple[Member, ...]
    line: int


Node = ScalarNode | ListNode | MapNode


def shown(text: str) -> str:
    """The text in quotes for a message, cut where it is long."""
    return repr(text if len(text) <= _SHOWN_LENGTH_MAX else text[:_SHOWN_LENGTH_MAX] + "…")


@dataclass(frozen=True, slots=True)
class Place:
    """A node of `file`, reached by the path `field` (empty for the document)."""

    file: str
    field: str
    node: Node
    line: int

    @classmethod
    def document(cls, file: str, node: Node) -> Place:
        """The top of a file."""
        return cls(file, "", node, node.line)

    def error(self, *, found: str, allowed: str) -> DefinitionError:
        """The error that stands here."""
        field = self.field or "document"
        return DefinitionError(file=self.file, line=self.line, field=field, found=found, allowed=allowed)

    def found(self) -> str:
        """What stands here, in words."""
        match self.node:
            case ScalarNode(text="", plain=True):
                return "nothing"
            case ScalarNode(text=text):
                return shown(text)
            case ListNode():
                return "a list"
            case MapNode():
                return "a mapping"

    def text(self, allowed: str) -> str:
        """The scalar's text. Raises DefinitionError where this is none, or nothing was written."""
        if not isinstance(self.node, ScalarNode) or (self.node.plain and self.node.text == ""):
            raise self.error(found=self.found(), allowed=allowed)
        return self.node.text

    def items(self, allowed: str) -> list[Place]:
        """The list's items, at least one. Raises DefinitionError where this is none."""
        if not isinstance(self.node, ListNode):
            raise self.error(found=self.found(), allowed=allowed)
        if not self.node.items:
            raise self.error(found="an empty list", allowed=allowed)
        return [
            Place(self.file, f"{self.field}[{index}]", item, item.line)
            for index, item in enumerate(self.node.items)
        ]

    def members(self, allowed: str) -> dict[str, Place]:
        """The mapping's members by name, in the file's order. Raises DefinitionError where this is none."""
        if not isinstance(self.node, MapNode):
            raise self.error(found=self.found(), allowed=allowed)
        prefix = f"{self.field}." if self.field else ""
        return {
            member.name: Place(self.file, prefix + member.name, member.node, member.line)
            for member in self.node.members
        }

    def known_members(self, required: Collection[str], optional: Collection[str] = ()) -> dict[str, Place]:
        """The members, where all required ones are there and none is unknown. Raises DefinitionError."""
        names = ", ".join([*required, *(f"{name} (optional)" for name in optional)])
        members = self.members(f"a mapping of {names}")
        for name, place in members.items():
            if name not in required and name not in optional:
                raise place.error(found="an unknown member", allowed=names)
        for name in required:
            if name not in members:
                raise self.missing(name, f"a required {name}")
        return members

    def missing(self, name: str, allowed: str) -> DefinitionError:
        """The error for a member that is not there; it stands at the mapping's line."""
        prefix = f"{self.field}." if self.field else ""
        return Place(self.file, prefix + name, self.node, self.line).error(found="nothing", allowed=allowed)

    def problem(self, problem: Problem, members: dict[str, Place]) -> DefinitionError:
        """The error for a broken rule of one of this mapping's members (`name` or `name[index]`)."""
        name, bracket, index = problem.member.partition("[")
        place = members.get(name)
        if place is None:
            return self.missing(problem.member, problem.allowed)
        if bracket and isinstance(place.node, ListNode):
            place = place.items(problem.allowed)[int(index.rstrip("]"))]
        return place.error(found=problem.found, allowed=problem.allowed)
