"""The examples in the docstrings of the room are what they say."""

import doctest
import importlib
import pkgutil

import pytest

import clientele.learning

MODULES = [module.name for module in pkgutil.iter_modules(clientele.learning.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    found = doctest.testmod(importlib.import_module(f"clientele.learning.{name}"))
    assert found.failed == 0
    assert found.attempted > 0, "every module shows how it is used"
