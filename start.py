"""Parlor's one command. It needs Python 3.11 and nothing else; the rest it makes itself.

    python start.py                 open the app (--port N --host H --https --no-browser --window)
    python start.py ask "text"      the same turn without a browser; also models, doctor, bench
    python start.py test [...]      every check; what follows goes to pytest

An older Python must be able to read this file far enough to say so: no syntax newer than 3.6 stands in it.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import threading

if sys.version_info < (3, 11):  # noqa: UP036
    HAVE = "{}.{}".format(*sys.version_info[:2])
    sys.exit(
        f"Parlor needs Python 3.11 or newer, and this is {HAVE}. Install a newer one and start again with it.\n"
        f"Parlor 需要 Python 3.11 或更新版本，当前为 {HAVE}。请安装新版 Python 后用它启动。"
    )

ROOT = os.path.dirname(os.path.abspath(__file__))
PREPARED = "PARLOR_PREPARED"  # in the environment of the re-executed self, and taken out of it there


def main(argv: list[str]) -> int:
    """Set up what is missing, go over to the environment's Python, and do what was asked."""
    from core.errors import ParlorError
    from core.host.terminal import prepare_streams, say
    from core.l10n.text import l10n

    prepare_streams()
    try:
        options = parse(argv) if not argv or argv[0].startswith("-") else None
        if os.environ.pop(PREPARED, "") != ROOT:
            status = enter_environment(argv)
            if status is not None:
                return status
        if options is not None:
            return open_app(options)
        if argv[0] == "test":
            return check(argv[1:])
        from core.cli.main import main as command_line

        return command_line(argv)
    except ParlorError as error:
        say(error.text)
        return error.exit_code
    except OSError as error:
        say(l10n("Parlor cannot go on: {error}", error=error))
        return 1
    except KeyboardInterrupt:
        return 130


def parse(argv: list[str]) -> argparse.Namespace:
    """The options of the app itself."""
    parser = argparse.ArgumentParser("start.py", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--port", type=int, help="listen here (otherwise the first free port from 8510 on)")
    parser.add_argument("--host", default="127.0.0.1", help="listen on this address; 0.0.0.0 lets others in")
    parser.add_argument(
        "--https", action="store_true", help="others can use their microphones; with a certificate of its own"
    )
    parser.add_argument("--cert", type=pathlib.Path, help="https with this certificate (PEM)")
    parser.add_argument("--key", type=pathlib.Path, help="and this key, if it is not in the same file")
    parser.add_argument("--no-browser", action="store_true", help="only serve")
    parser.add_argument("--window", action="store_true", help="open in a window of its own (Chrome, Edge or Chromium)")
    options = parser.parse_args(argv)
    if options.key and not options.cert:
        parser.error("--key goes with --cert")
    return options


def enter_environment(argv: list[str]) -> "int | None":
    """Make the environment ready and run this file again in it; None when this is the environment's Python already."""
    from core.host.hardware import choose_build, this_machine
    from core.host.install import prepare, ready
    from core.host.venv import PYTHON, VENV

    machine = this_machine()
    build = choose_build(machine)
    if not ready(build):
        prepare(machine, build)
    if os.path.realpath(sys.prefix) == os.path.realpath(VENV):
        return None
    os.environ[PREPARED] = ROOT
    command = [str(PYTHON), os.path.join(ROOT, "start.py"), *argv]
    if os.name != "nt":
        os.execv(command[0], command)
    return subprocess.call(command)  # Windows has no exec: the console would not wait for it


def open_app(options: argparse.Namespace) -> int:
    """Serve on this process's main thread until interrupted; or show the server that this data folder already has."""
    from core import settings
    from core.host.terminal import say
    from core.l10n.text import l10n
    from core.manage import starter
    from core.server import launch

    home = settings.load().home
    lock = launch.claim(home)
    if lock is None:
        url = launch.find_running(home)
        say(l10n("Parlor is already running: {url}", url=url))
        if not options.no_browser:
            launch.show(url, options.window)
        return 0
    port = launch.choose_port(options.host, options.port)
    from ui.serve import names, serve

    certificate = choose_certificate(options, home, names(options.host))
    starter.fetch(settings.load())
    warn(options.host, secure=certificate is not None)
    url = launch.address(options.host, port, secure=certificate is not None)
    threading.Thread(target=welcome, args=(options, home, url), daemon=True).start()
    os.chdir(ROOT)
    serve(port, options.host, certificate)
    return 0


def warn(host: str, secure: bool) -> None:
    """What it means to let others in."""
    from core.host.terminal import say
    from core.l10n.text import l10n

    if host in ("127.0.0.1", "localhost", "::1"):
        return
    say(l10n("Warning: with --host {host} everyone who can reach this machine can use and read all of it.", host=host))
    if not secure:
        say(l10n("Browsers on other machines give Parlor no microphone: add --https for that."))


def choose_certificate(
    options: argparse.Namespace, home: pathlib.Path, names: "list[str]"
) -> "tuple[pathlib.Path, pathlib.Path] | None":
    """The person's own with its key, or one that Parlor makes, with its fingerprint to compare; None for plain http."""
    from core.host.terminal import say
    from core.l10n.text import l10n
    from core.server import certificate

    if options.cert:
        return certificate.checked(options.cert.absolute(), (options.key or options.cert).absolute())
    if not options.https:
        return None
    made = certificate.own(home, names)
    print_of_it = certificate.fingerprint(made[0])
    say(
        l10n(
            "Browsers warn of this certificate once, since Parlor made it itself. Its SHA-256: {fingerprint}",
            fingerprint=print_of_it,
        )
    )
    return made


def welcome(options: argparse.Namespace, home: pathlib.Path, url: str) -> None:
    """Once the server answers: leave its address for others, tell it, and open it."""
    from core.host.terminal import say
    from core.l10n.text import l10n
    from core.server import launch

    if not launch.wait_until_answering(url, threading.main_thread().is_alive):
        return
    launch.announce(home, url)
    opened = not options.no_browser and launch.show(url, options.window)
    say(l10n("Parlor is at {url}", url=url))
    if not opened and not options.no_browser:
        say(l10n("Open that address in a browser."))


def check(pytest_arguments: list[str]) -> int:
    """Style, types and tests; all of them run, and the first that fails gives the exit status."""
    from core import settings
    from core.host.terminal import say
    from core.l10n.text import l10n
    from core.manage import starter
    from core.server.launch import find_chromium

    if not find_chromium(sys.platform):
        say(l10n("The browser tests need Chrome, Edge or Chromium. On Debian: sudo apt-get install chromium"))
        return 1
    starter.fetch(settings.load())
    os.chdir(ROOT)
    return subprocess.call([sys.executable, "-m", "tests.lanes", *pytest_arguments])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
