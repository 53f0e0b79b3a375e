"""The one version, read from the package's own metadata file so that footer, API, logs and /readyz cannot disagree."""

import tomllib
from pathlib import Path

VERSION: str = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]["version"]
