"""A server of the S3 protocol for tests."""

import http.client
import sys
from collections.abc import Sequence

from tests.harness.patience import PATIENCE_S
from tests.servers.process import ServerProcess

BUCKET = "models"


class S3Server(ServerProcess):
    """An S3 server with one bucket, called `models`; it keeps everything in memory."""

    def __init__(self) -> None:
        super().__init__("s3")

    @property
    def endpoint_url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which clients prove who they are."""
        return {
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "tester",
            "AWS_SECRET_ACCESS_KEY": "any secret will do",
        }

    def command(self) -> Sequence[str]:
        """Say how it is started."""
        return [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]

    def answers(self) -> bool:
        """Tell whether it takes requests now."""
        try:
            self.ask("HEAD", "/moto-api")
        except OSError:
            return False
        return True

    def empty(self) -> None:
        """Forget everything, and have the bucket anew."""
        self.ask("POST", "/moto-api/reset")
        self.ask("PUT", f"/{BUCKET}")

    def ask(self, method: str, path: str) -> tuple[int, str]:
        """Send a request without a signature; return status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request(method, path, headers={"Content-Length": "0"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()
