"""The registry folder on disk: `<group>/<version>.yaml` and lock.json. The only file access of this package."""

from __future__ import annotations

import os
from pathlib import Path

from ofs.errors import RegistryError
from ofs.features.lock_file import LOCK_FILE

__all__ = ["definition_paths", "open_folder", "read_content", "read_lock_text", "write_lock_text"]


def open_folder(folder: str | Path) -> Path:
    """The folder. Raises RegistryError where it is none."""
    path = Path(folder)
    if not path.is_dir():
        raise RegistryError(f"{path}: not a folder", hint="give the folder that holds <group>/<version>.yaml")
    return path


def definition_paths(folder: Path) -> list[str]:
    """Every YAML file below the folder, relative, with forward slashes, sorted; hidden files and folders left out."""
    files = (path for path in folder.rglob("*") if path.suffix in (".yaml", ".yml") and path.is_file())
    found = [path.relative_to(folder) for path in files]
    return sorted(path.as_posix() for path in found if not any(part.startswith(".") for part in path.parts))


def read_content(folder: Path, path: str) -> bytes | None:
    """The bytes of a file, None where it is not there. Raises RegistryError where it cannot be read."""
    try:
        return (folder / path).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RegistryError(f"{folder / path}: cannot be read: {error.strerror}") from error


def read_lock_text(folder: Path) -> str | None:
    """The text of lock.json, None where it is not there. Raises RegistryError where it cannot be read."""
    content = read_content(folder, LOCK_FILE)
    if content is None:
        return None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RegistryError(f"{folder / LOCK_FILE}: not UTF-8 text") from error


def write_lock_text(folder: Path, text: str) -> None:
    """Replace lock.json at once: written aside, flushed to the disk, renamed.

    Effects: the old file or the new one is there, never a part. Raises RegistryError where it cannot be written.
    """
    aside = folder / f".{LOCK_FILE}.partial-{os.getpid()}"
    try:
        with aside.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(folder / LOCK_FILE)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise RegistryError(f"{folder / LOCK_FILE}: cannot be written: {error.strerror}") from error
