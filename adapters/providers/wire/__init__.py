"""What several providers' APIs have in common: OpenAI's dialect, and shapes of errors.

- `connecting.py`: a client, as a provider's settings say
- `failing.py`: failures of HTTP, in terms of providers
- `refusals.py`: answers that say no, read by `complaint.py`, `windows.py` and `retry_after.py`
- `fields.py`: JSON that may be anything, as what it should be
- `openai.py`: chats, lists of models and vectors in OpenAI's dialect
- `calls.py`: tool calls, out of the pieces of an answer and into a request
- `vectors.py`: vectors out of an answer
- `finishing.py`: the end of an answer, so that its connection can be used again
- `truncation.py`: prompts that were cut without a word
"""
