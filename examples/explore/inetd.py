"""A small inetd for shops that cannot listen: runs a command for each connection to a free port.

    inetd.py COMMAND…

prints the port. The command reads the connection on stdin and answers on stdout.
"""

import socketserver
import subprocess
import sys


class Connection(socketserver.BaseRequestHandler):
    """One connection."""

    def handle(self) -> None:
        """Run the command on it."""
        subprocess.run(sys.argv[1:], stdin=self.request, stdout=self.request, check=False)  # noqa: S603


with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Connection) as server:
    print(server.server_address[1], flush=True)
    server.serve_forever()
