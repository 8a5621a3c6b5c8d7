"""HTTP to providers: one port, bounded in every direction, and a lean transport behind it.

- `port.py`: what adapters ask for
- `failures.py`: what can go wrong, before it is said in terms of models
- `client.py`: the port, over any transport
- `address.py`: the base URL, checked once
- `limits.py`: how long, how large, how many
- `reading.py`: lines and server-sent events
- `transport.py`: what the client asks of whatever moves the bytes
- `lean.py`: the transport we use: a pool, and what to do about stale connections
- `connecting.py`: how a connection comes to be
- `connection.py`: one connection, read no faster than it is listened to
- `parsing.py`: answers of HTTP/1.1
- `over_httpx.py`: any transport of httpx in its place

**The fact that matters: nothing a provider sends can make us wait for ever, remember without bound, or ask
anybody else.** Every wait has a limit, every part of an answer a cap, and no redirect, proxy or cookie a say.

    request → pool → connection → parser → pieces → lines → events
                 ↖ kept, once the answer was read to its end ↙
"""
