"""The registry folder: only what is locked is used, and what was published never changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from ofs.canonical import jcs
from ofs.errors import DefinitionError, RegistryError
from ofs.features import FileStatus, Registry, check_registry, definition_digest, lock, read_definition, show


def definition(name: str, version: str, window: str = "1h") -> str:
    return (
        f"feature_group: {name}\nversion: {version}\nkey: {{type: a, field: payload.a}}\n"
        f"event_types: [e]\nfeatures: [{{name: n, op: count, window: {window}}}]\n"
    )


def put(folder: Path, path: str, text: str) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(text.encode())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A registry with two groups, one of them in two versions, all published."""
    for name, version in (("beta", "v1"), ("alpha", "v2"), ("alpha", "v1")):
        put(tmp_path, f"{name}/{version}.yaml", definition(name, version))
    lock(tmp_path)
    return tmp_path


def statuses(folder: Path) -> dict[str, FileStatus]:
    return {file.path: file.status for file in check_registry(folder).files}


def test_lock_publishes_by_name_and_version_number(folder: Path) -> None:
    """New definitions are appended by name and number, so v10 comes after v2."""
    put(folder, "alpha/v10.yaml", definition("alpha", "v10"))
    put(folder, "alpha/v9.yaml", definition("alpha", "v9"))
    assert [entry.path for entry in lock(folder)] == ["alpha/v9.yaml", "alpha/v10.yaml"]
    published = [f"{locked.name} {locked.version}" for locked in Registry.load(folder)]
    assert published == ["alpha v1", "alpha v2", "beta v1", "alpha v9", "alpha v10"]


def test_lock_changes_nothing_when_nothing_is_new(folder: Path) -> None:
    """A second lock publishes nothing and leaves the file's bytes and identity as they are."""
    before, inode = (folder / "lock.json").read_bytes(), (folder / "lock.json").stat().st_ino
    assert lock(folder) == ()
    assert ((folder / "lock.json").read_bytes(), (folder / "lock.json").stat().st_ino) == (before, inode)


def test_lock_writes_nothing_when_a_file_is_wrong(folder: Path) -> None:
    """One broken new file keeps the good new ones from being published half-way."""
    before = sorted(path.name for path in folder.iterdir()), (folder / "lock.json").read_bytes()
    put(folder, "alpha/v3.yaml", definition("alpha", "v3"))
    put(folder, "alpha/v4.yaml", definition("alpha", "v4", window="soon"))
    with pytest.raises(DefinitionError):
        lock(folder)
    assert (sorted(path.name for path in folder.iterdir()), (folder / "lock.json").read_bytes()) == before


def test_get_and_latest_find_what_was_published(folder: Path) -> None:
    """A version is found by name; `latest` is the one published last, whatever its number."""
    registry = Registry.load(folder)
    found = registry.get("alpha", "v1")
    assert found is not None
    assert (found.name, found.version) == ("alpha", "v1")
    assert found.group == read_definition(definition("alpha", "v1").encode(), "f")
    assert registry.get("alpha", "v3") is None
    assert registry.get("gamma", "v1") is None
    assert registry.latest("gamma") is None
    put(folder, "beta/v3.yaml", definition("beta", "v3"))
    lock(folder)
    put(folder, "beta/v2.yaml", definition("beta", "v2"))
    lock(folder)
    latest = Registry.load(folder).latest("beta")
    assert latest is not None
    assert latest.version == "v2"


def test_a_file_that_is_not_locked_is_not_used(folder: Path) -> None:
    """A replay's registry does not know a file that is not locked, not even a broken one; check names both."""
    put(folder, "alpha/v3.yaml", definition("alpha", "v3"))
    put(folder, "alpha/v4.yaml", "oops")
    assert Registry.load(folder).get("alpha", "v3") is None
    report = check_registry(folder)
    assert statuses(folder)["alpha/v3.yaml"] is FileStatus.NOT_LOCKED
    assert statuses(folder)["alpha/v4.yaml"] is FileStatus.INVALID
    assert [file.path for file in report.not_locked] == ["alpha/v3.yaml"]
    assert not report.ok


def test_a_changed_published_file_is_refused(folder: Path) -> None:
    """A published definition with another meaning names both digests and says to publish a new version."""
    expected = Registry.load(folder).get("alpha", "v2")
    put(folder, "alpha/v2.yaml", definition("alpha", "v2", window="2h"))
    with pytest.raises(RegistryError) as raised:
        Registry.load(folder)
    assert expected is not None
    assert f"published with digest {expected.digest}, found digest " in raised.value.message
    assert "new version" in str(raised.value.hint)
    assert statuses(folder)["alpha/v2.yaml"] is FileStatus.CHANGED
    with pytest.raises(RegistryError):
        lock(folder)
    with pytest.raises(RegistryError):
        show(folder, "alpha", "v2")


def test_a_published_file_may_change_in_what_it_does_not_mean(folder: Path) -> None:
    """Comments, quotes and line ends are no part of a definition, so they may change."""
    text = definition("alpha", "v2").replace("[e]", "['e'] # events").replace("\n", "\r\n")
    put(folder, "alpha/v2.yaml", "# a remark\r\n" + text)
    assert Registry.load(folder).get("alpha", "v2") is not None
    assert check_registry(folder).ok


def test_a_published_file_that_is_no_definition_any_more_says_where(folder: Path) -> None:
    """A published file that was broken is named with its line, and with the way back."""
    put(folder, "beta/v1.yaml", definition("beta", "v1", window="soon"))
    with pytest.raises(DefinitionError) as raised:
        Registry.load(folder)
    assert (raised.value.line, raised.value.field) == (5, "features[0].window")
    assert "restore the file" in str(raised.value.hint)


def test_a_missing_published_file_is_refused(folder: Path) -> None:
    """A locked definition whose file is gone is an error in load, lock and check."""
    (folder / "beta/v1.yaml").unlink()
    for call in (Registry.load, lock):
        with pytest.raises(RegistryError, match="beta v1 is published"):
            call(folder)
    assert statuses(folder)["beta/v1.yaml"] is FileStatus.MISSING


@pytest.mark.parametrize(
    "path", ["beta/v2.yaml", "gamma/v7.yaml", "beta/v7.yml", "v7.yaml", "deep/beta/v7.yaml", "beta/V7.yaml"]
)
def test_a_file_out_of_place_is_refused(folder: Path, path: str) -> None:
    """A definition whose group and version do not give its path is an error of check and lock."""
    put(folder, path, definition("beta", "v7"))
    assert statuses(folder)[path] is FileStatus.MISPLACED
    with pytest.raises(RegistryError, match=r"expected in beta/v7\.yaml"):
        lock(folder)


def test_hidden_files_and_other_files_are_left_alone(folder: Path) -> None:
    """Editors' hidden files and documents beside the definitions are not looked at."""
    put(folder, ".cache/x.yaml", "oops")
    put(folder, "README.md", "about")
    (folder / "folder.yaml").mkdir()
    assert check_registry(folder).ok


def lock_of(published: str) -> str:
    return f'{{"format": "ofs-registry/v1", "published": {published}}}'


def entry_of(name: str = "a", version: str = "v1", digest: str = "0" * 64) -> str:
    return f'{{"name": "{name}", "version": "{version}", "digest": "{digest}"}}'


LOCKS = [
    ("{", "not JSON"),
    ("[" * 100_000, "not JSON"),
    ("<<<<<<< HEAD", "not JSON"),
    ("[]", "another shape or format"),
    (lock_of("[]").replace("/v1", "/v2"), "another shape or format"),
    (lock_of('[], "more": 1'), "another shape or format"),
    (lock_of('[], "format": "ofs-registry/v1"'), "stands twice"),
    (lock_of("{}"), "expected a list"),
    (lock_of("[1]"), r"published\[0\]: expected exactly"),
    (lock_of('[{"name": "a", "version": "v1"}]'), r"published\[0\]: expected exactly"),
    (lock_of(f"[{entry_of()}, {entry_of(name='A')}]"), r"published\[1\]\.name: expected"),
    (lock_of(f"[{entry_of(name='a' * 129)}]"), r"published\[0\]\.name: longer"),
    (lock_of(f"[{entry_of(version='1')}]"), r"published\[0\]\.version: expected"),
    (lock_of(f"[{entry_of(digest='A' * 64)}]"), r"published\[0\]\.digest: expected"),
]


@pytest.mark.parametrize(("text", "message"), LOCKS)
def test_a_broken_lock_is_refused(folder: Path, text: str, message: str) -> None:
    """A lock.json that is not exactly the format is an error of load and lock, and a line of check."""
    put(folder, "lock.json", text)
    with pytest.raises(RegistryError, match=message):
        Registry.load(folder)
    with pytest.raises(RegistryError, match=message):
        lock(folder)
    assert statuses(folder)["lock.json"] is FileStatus.LOCK_INVALID
    assert (folder / "lock.json").read_text() == text


def test_a_version_locked_twice_is_refused(folder: Path) -> None:
    """A lock that names one version two times, as a bad merge leaves it, is refused."""
    text = (folder / "lock.json").read_text()
    line = next(line for line in text.splitlines() if '"beta"' in line)
    put(folder, "lock.json", text.replace(line, f"{line},\n{line}"))
    with pytest.raises(RegistryError, match="beta v1 for a second time"):
        Registry.load(folder)


def test_a_folder_without_a_lock_says_how_to_make_one(tmp_path: Path) -> None:
    """Without lock.json load names the command; check reports the files as not locked."""
    put(tmp_path, "a/v1.yaml", definition("a", "v1"))
    with pytest.raises(RegistryError) as raised:
        Registry.load(tmp_path)
    assert "ofs features lock" in str(raised.value.hint)
    assert statuses(tmp_path) == {"a/v1.yaml": FileStatus.NOT_LOCKED}
    assert check_registry(tmp_path).ok


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    """Every way in names a path that is no folder."""
    for call in (Registry.load, lock, check_registry, show):
        with pytest.raises(RegistryError, match="not a folder"):
            call(tmp_path / "missing")


def test_the_lock_of_an_empty_folder_is_a_lock(tmp_path: Path) -> None:
    """Locking an empty folder writes a lock that loads as an empty registry."""
    assert lock(tmp_path) == ()
    assert len(Registry.load(tmp_path)) == 0


def test_check_reports_one_error_a_file_with_line_and_field(folder: Path) -> None:
    """Of each broken file stands the first error, with what a reader needs to correct it."""
    put(folder, "alpha/v3.yaml", definition("alpha", "v3", window="soon"))
    put(folder, "alpha/v4.yaml", "a: 1\na: 2\n")
    broken = {file.path: file for file in check_registry(folder).files if not file.ok}
    assert {path: (file.line, file.field, file.found) for path, file in broken.items()} == {
        "alpha/v3.yaml": (5, "features[0].window", "'soon'"),
        "alpha/v4.yaml": (2, "a", "a second 'a'"),
    }
    members = check_registry(folder).to_json()
    assert members["ok"] is False
    assert all(None not in file.values() for file in members["files"])  # type: ignore[attr-defined]  # plain JSON


def test_show_gives_canonical_definitions_by_name_and_number(folder: Path) -> None:
    """What is shown is what the digest covers, locked or not, of just the definitions asked for."""
    put(folder, "alpha/v10.yaml", definition("alpha", "v10"))
    shown = [(item.name, item.version, item.locked) for item in show(folder)]
    assert shown == [
        ("alpha", "v1", True),
        ("alpha", "v2", True),
        ("alpha", "v10", False),
        ("beta", "v1", True),
    ]
    (one,) = show(folder, "alpha", "v2")
    locked = Registry.load(folder).get("alpha", "v2")
    assert locked is not None
    assert (one.digest, one.canonical) == (locked.digest, locked.canonical)
    assert locked.canonical_bytes == jcs(one.canonical)
    assert one.to_json() == {
        "name": "alpha", "version": "v2", "digest": locked.digest, "locked": True, "definition": one.canonical,
    }  # fmt: skip
    assert [item.version for item in show(folder, "alpha")] == ["v1", "v2", "v10"]
    with pytest.raises(RegistryError, match="no definition of gamma v1"):
        show(folder, "gamma", "v1")


def test_a_file_that_cannot_be_read_is_one_line_of_check(folder: Path) -> None:
    """A folder where a published file should be, and a lock of bytes that are no text, are named."""
    (folder / "beta/v1.yaml").unlink()
    (folder / "beta/v1.yaml").mkdir()
    with pytest.raises(RegistryError, match="cannot be read"):
        Registry.load(folder)
    assert statuses(folder)["beta/v1.yaml"] is FileStatus.INVALID
    (folder / "lock.json").write_bytes(b"\xff")
    with pytest.raises(RegistryError, match="not UTF-8"):
        Registry.load(folder)
    assert statuses(folder)["lock.json"] is FileStatus.LOCK_INVALID


def test_a_registry_of_groups_at_hand_needs_no_folder() -> None:
    """A notebook can make a registry from definitions; one version twice is refused."""
    group = read_definition(definition("a", "v1").encode(), "f")
    registry = Registry.of([group])
    found = registry.get("a", "v1")
    assert found is not None
    assert (found.group, found.digest) == (group, definition_digest(group))
    assert list(registry) == [found]
    with pytest.raises(RegistryError, match="given twice"):
        Registry.of([group, group])


def test_an_unwritable_folder_is_one_clear_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that cannot be renamed into place leaves the old one and nothing beside it."""

    def refuse(self: Path, target: Path) -> Path:
        raise PermissionError(13, "Permission denied", str(target))

    put(folder, "alpha/v3.yaml", definition("alpha", "v3"))
    before = sorted(path.name for path in folder.iterdir())
    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(RegistryError, match="cannot be written: Permission denied"):
        lock(folder)
    assert sorted(path.name for path in folder.iterdir()) == before
    assert len(Registry.load(folder)) == 3
