"""Tests of the mapping. `python3 -m unittest` in the plugin's folder runs them, with nothing but Python itself."""

import sys
from pathlib import Path

from . import contract

PLUGIN = Path(__file__).resolve().parent.parent

sys.path.insert(0, str(PLUGIN / "src"))
contract.install(PLUGIN.parent.parent / "wit" / "provider.wit")
