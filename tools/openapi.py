"""Writes docs/openapi.json: the description of the API as it is served."""

import json
import os
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "yuefu.config.settings")

import django

django.setup()

from yuefu.api import openapi  # noqa: E402 - Django has to be set up first

target = Path(__file__).resolve().parents[1] / "docs" / "openapi.json"
target.write_text(json.dumps(openapi.description(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
