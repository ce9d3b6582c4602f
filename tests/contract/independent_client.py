"""A bare HTTP/1.1 client and the server process that it talks to: nothing here knows how central is built."""

import http.client
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

start_seconds_max = 90
answer_seconds_max = 75


@dataclass(frozen=True)
class Answer:
    """What came back: header names in lower case, the body as bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The last segment of a problem's type: the code of the contract."""
        assert self.headers["content-type"].split(";")[0] == "application/problem+json", (self.status, self.body[:300])
        return str(self.json["type"]).rstrip("/").rpartition("/")[2]

    @property
    def refusal(self) -> tuple[int, str]:
        return self.status, self.code

    def ok(self, status: int = 200) -> Any:
        """The decoded body, after the status was seen to be the one expected."""
        assert self.status == status, f"{self.status} in place of {status}: {self.body[:600]!r}"
        return self.json if self.body else None


@dataclass(frozen=True)
class Client:
    """Calls one server with one bearer token; `source` is the loopback address it calls from."""

    url: str
    bearer: str | None = None
    source: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def call(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None, **query: Any
    ) -> Answer:
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(
            address.hostname or "127.0.0.1",
            address.port,
            timeout=answer_seconds_max,
            source_address=(self.source, 0) if self.source else None,
        )
        sent = {"Accept": "application/json", **self.headers}
        if self.bearer is not None:
            sent["Authorization"] = f"Bearer {self.bearer}"
        sent.update(headers or {})
        asked = {name.rstrip("_"): value for name, value in query.items() if value is not None}
        target = path + ("?" + urlencode(asked) if asked else "")
        try:
            connection.request(method, target, body=body, headers=sent)
            response = connection.getresponse()
            content = response.read()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, names, content)
        finally:
            connection.close()

    def get(self, path: str, headers: Mapping[str, str] | None = None, **query: Any) -> Answer:
        return self.call("GET", path, None, headers, **query)

    def send(self, method: str, path: str, document: Any, headers: Mapping[str, str] | None = None) -> Answer:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return self.call(method, path, body, {"Content-Type": "application/json", **(headers or {})})

    def post(self, path: str, document: Any, headers: Mapping[str, str] | None = None) -> Answer:
        return self.send("POST", path, document, headers)

    def patch(self, path: str, document: Any) -> Answer:
        return self.send("PATCH", path, document)

    def delete(self, path: str) -> Answer:
        return self.call("DELETE", path)

    def form(self, path: str, fields: Mapping[str, str]) -> Answer:
        return self.call(
            "POST", path, urlencode(fields).encode(), {"Content-Type": "application/x-www-form-urlencoded"}
        )

    def with_bearer(self, bearer: str | None) -> "Client":
        return replace(self, bearer=bearer)

    def calling_from(self, source: str) -> "Client":
        return replace(self, source=source)


def till_central(*arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Run one command of the operator's."""
    return subprocess.run([program(), *arguments], capture_output=True, text=True, timeout=timeout, check=False)


def program() -> str:
    return str(Path(sys.executable).with_name("till-central"))


class Server:
    """One `till-central serve` on a data directory of its own."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.log: list[str] = []
        self._announced: queue.Queue[str] = queue.Queue()
        self._process = subprocess.Popen(
            [
                program(),
                *("serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"),
                *("--data-dir", str(data_dir)),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={name: value for name, value in os.environ.items() if not name.startswith("TILL_CENTRAL_")},
        )
        threading.Thread(target=self._read, daemon=True).start()
        self.url = self._first_url()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.log.append(line)
            found = re.search(r"https?://[\w.\-]+:\d+", line)
            if found and "metrics" not in line.lower():
                self._announced.put(found.group())
        self._announced.put("")

    def _first_url(self) -> str:
        try:
            url = self._announced.get(timeout=start_seconds_max)
        except queue.Empty:
            url = ""
        if not url:
            self.stop()
            raise RuntimeError("till-central serve named no URL:\n" + "".join(self.log))
        return url

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return till_central(*arguments, "--data-dir", str(self.data_dir))

    def client(self, bearer: str | None = None) -> Client:
        return Client(self.url, bearer)

    def kill(self) -> None:
        """End the process as a power cut does."""
        self._process.kill()
        self._process.wait(10)

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(10)
