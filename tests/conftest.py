"""Where pytest finds the suite's plugin."""

pytest_plugins = ["tests.plugin"]
