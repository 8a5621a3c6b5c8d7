"""Vocabularies: the tokens of a text as the model itself has them, where its vocabulary is at hand.

- `reading.py`: the vocabulary of a GGUF file: byte pairs ("gpt2") and scores ("llama")
- `header.py`: the file's header, within bounds
- `splitting.py`: how texts become words, by the names that files have for it; `letters.py` its classes
- `merging.py`: symbols that are put together, the best pair first
- `vocabulary.py`: counting, a slice at a time
- `named.py`: OpenAI's vocabularies by the names of models, where tiktoken and its data are on this machine
"""
