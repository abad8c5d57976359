"""What inetd does, for shops that cannot listen: a command for each connection to a free port.

    inetd.py COMMAND…

prints the port. The command reads a connection on stdin and answers on stdout.
"""

import socketserver
import subprocess
import sys


class Connection(socketserver.BaseRequestHandler):
    """One connection."""

    def handle(self) -> None:
        """Hand it to the command."""
        subprocess.run(sys.argv[1:], stdin=self.request, stdout=self.request, check=False)  # noqa: S603


with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Connection) as server:
    print(server.server_address[1], flush=True)
    server.serve_forever()
