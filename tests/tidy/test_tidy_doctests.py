"""The examples in docstrings are run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from collections.abc import Iterator

import pytest

import ofs
import topologies

OPTIONAL = ("ofs._core", "topologies.shadow_parity")


def _modules() -> Iterator[str]:
    for package in (ofs, topologies):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.startswith(OPTIONAL) and not found.name.endswith("__main__"):
                yield found.name


@pytest.mark.parametrize("name", sorted(_modules()))
def test_the_examples_of_a_module_hold(name: str) -> None:
    """Every example in the docstrings of the module gives what it says."""
    assert doctest.testmod(importlib.import_module(name)).failed == 0
