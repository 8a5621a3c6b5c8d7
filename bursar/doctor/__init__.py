"""What is reachable, how it is, and what to do where it is not. Nothing is loaded, nothing written.

- `findings.py`: what there is to say, as plain values
- `providers.py`: asking each provider, all at once and for a bounded time
- `managing.py`: what a manager that runs knows of them
- `remedies.py`: what to do about an error
- `machine.py`: memory, graphics devices, the journal, versions
- `telling.py`: all of it as text
- `command.py`: `bursar doctor`
"""
