"""A server that costs little: it knows two answers by heart. Run as a program, it prints its port."""

import asyncio
import json
from typing import cast

CHUNKS = 100

_BODY = json.dumps(
    {"object": "list", "data": [{"id": f"model-{number}", "size": 10**9} for number in range(16)]}
)
_WHOLE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
    len(_BODY),
    _BODY.encode(),
)
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_DELTA = {"choices": [{"index": 0, "delta": {"content": " word"}, "finish_reason": None}]}
_EVENT = f"data: {json.dumps({'id': 'chatcmpl-1', 'object': 'chat.completion.chunk', **_DELTA})}\n\n".encode()
_CHUNK = b"%x\r\n%b\r\n" % (len(_EVENT), _EVENT)
_END = b"0\r\n\r\n"


class Server(asyncio.Protocol):
    """GET is answered whole, POST with a stream, each chunk a write of its own."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)
        self._data = b""

    def data_received(self, data: bytes) -> None:
        """Answer once the request is there."""
        self._data += data
        head, end, body = self._data.partition(b"\r\n\r\n")
        if not end:
            return
        if head.startswith(b"GET"):
            self._data = b""
            self._transport.write(_WHOLE)
            return
        # Header names differ between clients in their case only.
        _, _, length = head.lower().partition(b"content-length: ")
        if len(body) >= int(length.partition(b"\r\n")[0]):
            self._data = b""
            self._transport.write(_HEAD)
            self._stream(CHUNKS)

    def _stream(self, left: int) -> None:
        self._transport.write(_CHUNK if left else _END)
        if left:
            asyncio.get_running_loop().call_soon(self._stream, left - 1)


async def main() -> None:
    """Serve until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1")
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
