"""The process of the mail page: `python -m penstock_cli.mail_page --folder … --smtp-port … --page-port …`."""

import argparse
import asyncio
import contextlib
import signal
from pathlib import Path

from penstock_cli.mail_page.mailbox import Mailbox
from penstock_cli.mail_page.servers import serve
from penstock_cli.settings import CliSettings
from penstock_runtime.settings import load_or_exit


async def main() -> None:
    parser = argparse.ArgumentParser(prog="penstock_cli.mail_page")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--smtp-port", type=int, required=True)
    parser.add_argument("--page-port", type=int, required=True)
    given = parser.parse_args()
    settings = load_or_exit(CliSettings)
    mailbox = Mailbox(given.folder, settings.local_mails, settings.local_mails_bytes)
    serving = asyncio.create_task(
        serve(
            mailbox,
            smtp_port=given.smtp_port,
            page_port=given.page_port,
            mail_bytes=settings.local_mail_bytes,
        )
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, serving.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await serving


asyncio.run(main())
