"""Builds the documentation of the API as a directory of pages: `tools/docs.py DIR`. Nothing is fetched, neither here nor by who reads it."""

import os
import sys
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "yuefu.config.settings")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import django

django.setup()

from docs_site.site import SiteError, build  # noqa: E402 - Django has to be set up first

if len(sys.argv) != 2:
    sys.exit("tools/docs.py DIR")
try:
    print(f"{build(Path(sys.argv[1]))} pages in {sys.argv[1]}")
except SiteError as error:
    sys.exit(f"tools/docs.py: {error}")
