"""What tests of commands share."""

import pytest

from tests.commands import measure


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """Records and a README to write into."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # none but these: they take seconds to load
    monkeypatch.setenv("PYTEST_PLUGINS", "nbval.plugin,xdist.plugin")
    monkeypatch.setattr(measure, "MEASURED", tmp_path / "measured.json")
    monkeypatch.setattr(measure, "README", tmp_path / "README.md")
    measure.MEASURED.write_text("[]")
    measure.README.write_text("before\n<!-- results -->\n<!-- end of results -->\nafter")
    return tmp_path
