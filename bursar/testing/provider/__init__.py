"""A stand-in for providers: real HTTP, no models. `python -m bursar.testing.provider --help`.

- `world.py`: what it has installed and in memory, how fast it is, and what it saw
- `faults.py`: what can be switched wrong, for all of them
- `serving.py`: a real server, in this event loop or in a process of its own
- `attending.py`, `events.py`: answers for as long as somebody is there to take them, and their form
- `calling.py`: tool calls, where they are as in OpenAI's API
- one file or folder for each provider it is like: each has `build(world) -> ASGI application`

It answers as the providers' documents and sources say, quirks included, and as those that could be run did.
It is no provider: its models are names with sizes, and their answers are numbered words.
"""
