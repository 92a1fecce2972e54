"""An SMTP server for tests: demands STARTTLS and a sign-in, and keeps each message as a file.

smtp_sink.py PORT FOLDER CERTIFICATE KEY. An address that starts with `refused` is refused for good, one that starts with
`transient` the first time only.
"""

import asyncio
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

USER, PASSWORD = b"handrail", b"correct horse"


class Sink:
    def __init__(self, folder):
        self.folder, self.count, self.seen = pathlib.Path(folder), 0, set()

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("refused"):
            return "550 no such mailbox"
        if address.startswith("transient") and address not in self.seen:
            self.seen.add(address)
            return "451 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.count += 1
        name = f"{self.count:05}-{','.join(envelope.rcpt_tos)}.eml"
        # Whoever lists the folder sees whole messages only.
        unfinished = self.folder / f".{name}"
        unfinished.write_bytes(envelope.original_content)
        unfinished.rename(self.folder / name)
        return "250 kept"


def signs_in(server, session, envelope, mechanism, data):
    return AuthResult(success=(data.login, data.password) == (USER, PASSWORD))


async def serve(port, folder, certificate, key):
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    sink = Sink(folder)

    def connection():
        return SMTP(sink, hostname="localhost", tls_context=tls, require_starttls=True, auth_required=True,
                    auth_require_tls=True, authenticator=signs_in)

    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", int(port))
    await server.serve_forever()


asyncio.run(serve(*sys.argv[1:]))
