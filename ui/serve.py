"""Serve the app, Streamlit's pages and Parlor's own routes on one port: ``python -m ui.serve --port 8501``."""

from __future__ import annotations

import argparse
import socket
from pathlib import Path

import psutil
import streamlit as st
from starlette.middleware import Middleware

from core.server.routes import ContentSecurity, routes

ROOT = Path(__file__).resolve().parent.parent
LOCAL = {"127.0.0.1", "localhost"}
EVERYWHERE = {"0.0.0.0", "::"}


def serve(port: int, host: str, certificate: tuple[Path, Path] | None = None) -> None:
    """Serve until interrupted; with https where there is a certificate and its key."""
    hosts = names(host)
    app = st.App(ROOT / "Home.py", routes=routes(hosts), middleware=[Middleware(ContentSecurity)])
    app.run(
        config={
            "server.port": port,
            "server.address": host,
            "server.headless": True,
            "server.sslCertFile": str(certificate[0]) if certificate else None,
            "server.sslKeyFile": str(certificate[1]) if certificate else None,
            "server.allowedHosts": hosts,
            "server.fileWatcherType": "none",
            "server.disconnectedSessionTTL": 600,
            "server.enableXsrfProtection": True,
            "server.enableCORS": True,
            "browser.gatherUsageStats": False,
            "runner.postScriptGC": False,
            "client.toolbarMode": "minimal",
        }
    )


def names(host: str) -> list[str]:
    """Under which names a browser may ask for a server that listens on ``host``: no other site can borrow them."""
    if host not in EVERYWHERE:
        return sorted(LOCAL | {host})
    addresses = {address.address for addresses in psutil.net_if_addrs().values() for address in addresses}
    return sorted(LOCAL | {socket.gethostname(), f"{socket.gethostname()}.local"} | addresses)


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve Parlor's pages.")
    parser.add_argument("--port", type=int, default=8501)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--cert", type=Path)
    parser.add_argument("--key", type=Path)
    args = parser.parse_args()
    serve(args.port, args.host, (args.cert, args.key or args.cert) if args.cert else None)


if __name__ == "__main__":
    main()
