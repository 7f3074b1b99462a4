"""Where recorded and rebuilt features differ: paths, sides, and equality as JSON has it."""

from __future__ import annotations

from typing import Any

import pytest

from ofs.parity.compare import mismatch_fields, pointer, same_json


def features(**values: Any) -> dict[str, Any]:
    """The features of group g of one key."""
    return {"account_id:A": {"g": values}}


def found(online: Any, offline: Any) -> list[tuple[str, Any, Any]]:
    """(path, online, offline) of the differences."""
    return [(field.path, field.online, field.offline) for field in mismatch_fields(online, offline)]


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ((), ""),
        (("features",), "/features"),
        (("a/b", "c~d", ""), "/a~1b/c~0d/"),
        (("~1",), "/~01"),
        (("é\U0001f600", "x:y z"), "/é\U0001f600/x:y z"),
    ],
)
def test_a_pointer_escapes_tilde_and_slash(tokens: tuple[str, ...], text: str) -> None:
    """RFC 6901: ~ becomes ~0 and / becomes ~1, in this order."""
    assert pointer(*tokens) == text


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        (1, 1, True),
        (1, 2, False),
        (1, True, False),
        (0, False, False),
        (True, True, True),
        (None, False, False),
        (None, None, True),
        ("1", 1, False),
        (1, 1.0, True),
        (0.1, 0.1, True),
        ("a", "a", True),
        ([], [], True),
        ([1, [True]], [1, [True]], True),
        ([1, [True]], [1, [1]], False),
        ([1], [1, 1], False),
        ([], {}, False),
        ({"a": 1}, {"a": True}, False),
        ({"a": None}, {}, False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
    ],
)
def test_equality_is_that_of_json(left: Any, right: Any, equal: bool) -> None:
    """true is not 1, order of members does not matter, order of items does."""
    assert same_json(left, right) is equal
    assert same_json(right, left) is equal


def test_equal_features_have_no_differences() -> None:
    """Whatever their order."""
    value = features(n=1, l=["a", ["b", 2]], x=None)
    assert found(value, features(x=None, l=["a", ["b", 2]], n=1)) == []


def test_a_feature_is_compared_whole() -> None:
    """A list that differs in one item is one difference; so is an object in place of a value."""
    assert found(features(l=[1, 2]), features(l=[1, 3])) == [("/features/account_id:A/g/l", [1, 2], [1, 3])]
    assert found(features(n={"a": 1}), features(n=1)) == [("/features/account_id:A/g/n", {"a": 1}, 1)]
    assert found(features(n=True), features(n=1)) == [("/features/account_id:A/g/n", True, 1)]


def test_differences_are_sorted_by_path() -> None:
    """By key, group and feature."""
    online = {"b:1": {"g": {"x": 1}}, "a:1": {"h": {"y": 1, "x": 1}, "g": {"z": 1}}}
    offline = {"a:1": {"g": {"z": 2}, "h": {"x": 2, "y": 2}}, "b:1": {"g": {"x": 2}}}
    assert [path for path, _, _ in found(online, offline)] == [
        "/features/a:1/g/z",
        "/features/a:1/h/x",
        "/features/a:1/h/y",
        "/features/b:1/g/x",
    ]


@pytest.mark.parametrize(
    ("online", "path"),
    [({}, "account_id:A/g/n"), ({"account_id:A": {}}, "account_id:A/g/n"), (features(), "account_id:A/g/n")],
)
def test_a_side_that_lacks_a_feature_is_null(online: Any, path: str) -> None:
    """Also where its group or key is missing: each feature of the other side is listed."""
    assert found(online, features(n=1)) == [(f"/features/{path}", None, 1)]
    assert found(features(n=1), online) == [(f"/features/{path}", 1, None)]


@pytest.mark.parametrize("value", [1, "x", [], True])
def test_something_else_in_place_of_a_group_is_one_difference(value: Any) -> None:
    """Recorded features may have any shape."""
    assert found({"account_id:A": value}, features(n=1)) == [
        ("/features/account_id:A", value, {"g": {"n": 1}})
    ]
    assert found({"account_id:A": {"g": value}}, features(n=1)) == [
        ("/features/account_id:A/g", value, {"n": 1})
    ]


def test_names_are_escaped_in_paths() -> None:
    """A key with a slash is one step of its path."""
    assert found({"k:a/b~c": {"g": {"n": 1}}}, {"k:a/b~c": {"g": {"n": 2}}}) == [
        ("/features/k:a~1b~0c/g/n", 1, 2)
    ]
