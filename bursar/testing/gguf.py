"""Small models: written in milliseconds, loaded and served by the real engine; their answers are noise."""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import gguf
    import numpy as np
    from numpy.typing import NDArray

_MISSING = "writing a model needs numpy and gguf; install them with: pip install 'bursar[llama]'"

#: In the manner of ChatML, with words this vocabulary can spell, so that roles survive tokenizing.
_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def write_model(
    path: Path | str,
    *,
    embedding: int = 64,
    blocks: int = 2,
    heads: int | None = None,
    context: int = 2048,
    seed: int = 0,
    name: str = "tiny",
    vocabulary: "Callable[[gguf.GGUFWriter], int] | None" = None,
) -> Path:
    """Write a llama-architecture model with random weights to `path`, and return the path.

    `vocabulary` adds another one than ours, and says how many tokens it has.
    The same arguments give the same bytes. `embedding` must be a multiple of twice the number of `heads`
    (by default one for every 32 channels). The file appears complete or not at all.
    """
    heads = heads or max(1, embedding // 32)
    if embedding < 2 or blocks < 1 or heads < 1 or embedding % (2 * heads):
        raise ValueError(f"embedding {embedding} cannot be divided among {heads} heads in pairs of channels")
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, partial = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(descriptor)
    try:
        add = vocabulary or _add_vocabulary
        _write(Path(partial), embedding, blocks, heads, context, seed, name, add)
        Path(partial).replace(path)
    finally:
        Path(partial).unlink(missing_ok=True)
    return path


def _write(
    path: Path,
    embedding: int,
    blocks: int,
    heads: int,
    context: int,
    seed: int,
    name: str,
    add_vocabulary: "Callable[[gguf.GGUFWriter], int]",
) -> None:
    try:
        import gguf
        import numpy as np
    except ImportError as missing:
        raise ImportError(_MISSING) from missing

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(name)
    writer.add_context_length(context)
    writer.add_embedding_length(embedding)
    writer.add_block_count(blocks)
    writer.add_feed_forward_length(embedding // 2)
    writer.add_head_count(heads)
    writer.add_head_count_kv(heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(embedding // heads)
    tokens = add_vocabulary(writer)
    random = np.random.default_rng(seed)
    for tensor, shape in _tensors(embedding, blocks, tokens):
        writer.add_tensor(tensor, _weights(random, shape))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_vocabulary(writer: "gguf.GGUFWriter") -> int:
    """Every byte is a token, so any text can be spelled; printable characters have one of their own."""
    spelled = [f"<0x{byte:02X}>" for byte in range(256)]
    printable = ["\u2581", *map(chr, range(33, 127))]
    tokens = ["<unk>", "<s>", "</s>", *spelled, *printable]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * 259 + [-1.0 - place for place in range(len(printable))])
    writer.add_token_types([2, 3, 3, *[6] * len(spelled), *[1] * len(printable)])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_vocab_size(len(tokens))
    writer.add_chat_template(_TEMPLATE)
    return len(tokens)


def _tensors(embedding: int, blocks: int, tokens: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    square, inner = (embedding, embedding), embedding // 2
    yield "token_embd.weight", (tokens, embedding)
    for block in range(blocks):
        yield f"blk.{block}.attn_norm.weight", (embedding,)
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            yield f"blk.{block}.{part}.weight", square
        yield f"blk.{block}.ffn_norm.weight", (embedding,)
        yield f"blk.{block}.ffn_gate.weight", (inner, embedding)
        yield f"blk.{block}.ffn_up.weight", (inner, embedding)
        yield f"blk.{block}.ffn_down.weight", (embedding, inner)
    yield "output_norm.weight", (embedding,)
    yield "output.weight", (tokens, embedding)


def _weights(random: "np.random.Generator", shape: tuple[int, ...]) -> "NDArray[np.float32]":
    import numpy as np

    if len(shape) == 1:
        return np.ones(shape, dtype=np.float32)
    return random.standard_normal(shape, dtype=np.float32) * np.float32(0.05)
