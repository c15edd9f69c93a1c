"""Serves this page with the browser's client beside it, for a key and the address of Yuefu. Python's own library is all that it needs.

python3 examples/static-page/serve.py pk_test_… --base-url http://127.0.0.1:8000
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CLIENT = HERE.parents[1] / "clients" / "js" / "yuefu.js"


class Page(SimpleHTTPRequestHandler):
    """The files of this directory, the client, and what the page has to know."""

    def __init__(self, *args: Any, config: str, **more: Any) -> None:
        self._config = config
        super().__init__(*args, directory=str(HERE), **more)

    def do_GET(self) -> None:
        made = {"/config.js": self._config, "/yuefu.js": CLIENT.read_text(encoding="utf-8")}.get(self.path)
        if made is None:
            super().do_GET()
            return
        raw = made.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/javascript; charset=utf-8")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


def opened(key: str, base_url: str, *, locale: str = "en", port: int = 0) -> ThreadingHTTPServer:
    """The server, not yet serving."""
    known = {"publishableKey": key, "baseUrl": base_url, "locale": locale}
    config = "".join(f"export const {name} = {json.dumps(value)};\n" for name, value in known.items())
    return ThreadingHTTPServer(("127.0.0.1", port), partial(Page, config=config))


def main() -> None:
    """Until Ctrl-C."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("key", help="a publishable key, pk_test_…")
    options.add_argument("--base-url", default="http://127.0.0.1:8000", help="where Yuefu is")
    options.add_argument("--locale", default="en", choices=["en", "zh"])
    options.add_argument("--port", type=int, default=8081)
    given = options.parse_args()
    server = opened(given.key, given.base_url, locale=given.locale, port=given.port)
    print(f"http://127.0.0.1:{server.server_port}/")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
