"""YAML text to nodes. A small, safe part of YAML: every scalar is text with its style, nothing is resolved.

The only module that imports yaml. A key given twice, an anchor or alias, a tag, a merge key, a directive and a
second document are errors: each of them can make a file mean something else than it seems to say.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import yaml

from ofs.errors import DefinitionError, InvariantViolation, invariant
from ofs.features.nodes import ListNode, MapNode, Member, Node, ScalarNode, shown

__all__ = ["DEPTH_MAX", "read_nodes"]

DEPTH_MAX: Final = 16

_DOCUMENT: Final = "one YAML document"


def read_nodes(text: str, file: str) -> Node:
    """The document of `text`; `file` is the name that errors give.

    Raises DefinitionError with line and field where it is not one document of the part of YAML allowed here.
    """
    builder = _Builder(file)
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = " ".join(part for part in (error.context, error.problem) if part)
        raise builder.error(None if mark is None else mark.line + 1, problem, _DOCUMENT) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise builder.error(line, "a control character", "printable Unicode text") from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise builder.error(builder.line, f"an unreadable scalar ({error})", _DOCUMENT) from error
    if builder.root is None:
        raise builder.error(1, "nothing", _DOCUMENT)
    return builder.root


@dataclass(slots=True)
class _Open:
    """A list or mapping that is not closed yet; `key` is the mapping's name that waits for its node."""

    path: str
    line: int
    is_map: bool
    items: list[Node] = field(default_factory=list)
    members: dict[str, Member] = field(default_factory=dict)
    key: ScalarNode | None = None


class _Builder:
    """Takes parser events in order and holds the finished document; explicit stack, so depth is bounded."""

    def __init__(self, file: str) -> None:
        self.root: Node | None = None
        self.line = 1
        self._file: Final = file
        self._stack: Final[list[_Open]] = []

    def error(self, line: int | None, found: str, allowed: str, name: str | None = None) -> DefinitionError:
        field = self._field() if name is None else name
        return DefinitionError(
            file=self._file, line=line, field=field or "document", found=found, allowed=allowed
        )

    def take(self, event: yaml.Event) -> None:
        mark = event.start_mark
        self.line = self.line if mark is None else mark.line + 1
        match event:
            case yaml.DocumentStartEvent():
                self._open_document(event)
            case yaml.AliasEvent():
                raise self.error(self.line, f"the alias *{event.anchor}", "the value written out")
            case yaml.ScalarEvent():
                self._refuse_properties(event.anchor, event.tag)
                self._scalar(event)
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                self._refuse_properties(event.anchor, event.tag)
                self._open(is_map=isinstance(event, yaml.MappingStartEvent))
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._close()
            case _:
                pass

    def _field(self) -> str:
        """Path of the node that comes next."""
        if not self._stack:
            return ""
        top = self._stack[-1]
        if not top.is_map:
            return f"{top.path}[{len(top.items)}]"
        return top.path if top.key is None else f"{top.path}.{top.key.text}".lstrip(".")

    def _open_document(self, event: yaml.DocumentStartEvent) -> None:
        if self.root is not None:
            raise self.error(self.line, "a second document", _DOCUMENT)
        if event.version or event.tags:
            raise self.error(self.line, "a directive", "a document without %YAML and %TAG")

    def _refuse_properties(self, anchor: str | None, tag: str | None) -> None:
        if anchor is not None:
            raise self.error(self.line, f"the anchor &{anchor}", "the value without an anchor")
        if tag is not None:
            raise self.error(self.line, f"the tag {shown(tag)}", "the value without a tag")

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        node = ScalarNode(event.value, event.style is None, self.line)
        if any("\ud800" <= char <= "\udfff" for char in node.text):
            raise self.error(self.line, "a lone surrogate", "Unicode text")
        top = self._stack[-1] if self._stack else None
        if top is not None and top.is_map and top.key is None:
            self._name(top, node)
        else:
            self._add(node)

    def _name(self, top: _Open, node: ScalarNode) -> None:
        path = f"{top.path}.{node.text}".lstrip(".")
        if node.plain and node.text == "<<":
            raise self.error(self.line, "the merge key <<", "the members written out", path)
        if node.text in top.members:
            first = top.members[node.text].line
            found, allowed = f"a second {shown(node.text)}", f"each member once (first: line {first})"
            raise self.error(self.line, found, allowed, path)
        top.key = node

    def _add(self, node: Node) -> None:
        if not self._stack:
            self.root = node
            return
        top = self._stack[-1]
        if not top.is_map:
            top.items.append(node)
            return
        key, top.key = top.key, None
        if key is None:
            raise InvariantViolation("defect in OFS: a node without a name reached a mapping")
        top.members[key.text] = Member(key.text, node, key.line)

    def _open(self, *, is_map: bool) -> None:
        if len(self._stack) == DEPTH_MAX:
            raise self.error(self.line, f"nesting over {DEPTH_MAX}", f"up to {DEPTH_MAX} levels")
        top = self._stack[-1] if self._stack else None
        if top is not None and top.is_map and top.key is None:
            raise self.error(self.line, "a list or mapping as a name", "a plain name")
        self._stack.append(_Open(self._field(), self.line, is_map))

    def _close(self) -> None:
        invariant(bool(self._stack), "the YAML parser closed what it did not open")
        done = self._stack.pop()
        if done.is_map:
            self._add(MapNode(tuple(done.members.values()), done.line))
        else:
            self._add(ListNode(tuple(done.items), done.line))
