"""zstd frames: one for each text, read back through a counted stream only.

`zstandard.decompress(frame, max_output_size=n)` does not heed n when the frame states its size, so that a few
kilobytes can become any number of gigabytes.
"""

from typing import Any

import zstandard

#: The knee: level 9 takes six times as long and gains 3 %.
LEVEL = 3
#: The highest that asks its reader to look back on no more than 2 MiB, however long the text is.
LEVEL_LONG = 8
#: Bytes that a text may have, and that a frame may make its reader look back on (what those levels ask for).
SIZE_MAX = 16 << 20
_WINDOW_MAX = 2 << 20
_CHUNK = 64 << 10


class Codec:
    """Compresses and decompresses, with one dictionary or without; for one thread."""

    def __init__(self, dictionary: bytes | None = None, level: int = LEVEL) -> None:
        """Raises zstandard.ZstdError when the dictionary is none."""
        shared: Any = None  # the stubs do not say what `precompute_compress` returns
        #: As frames name it; 0 for none.
        self.dictionary_id = 0
        if dictionary is not None:
            shared = zstandard.ZstdCompressionDict(dictionary, dict_type=zstandard.DICT_TYPE_FULLDICT)
            shared.precompute_compress(level=level)
            self.dictionary_id = shared.dict_id()
        self._compressor = zstandard.ZstdCompressor(level=level, dict_data=shared)
        self._decompressor = zstandard.ZstdDecompressor(dict_data=shared, max_window_size=_WINDOW_MAX)

    def compress(self, text: bytes) -> bytes:
        """A frame that states its size and its dictionary."""
        return self._compressor.compress(text)

    def decompress(self, frame: bytes, size: int) -> bytes:
        """A text of exactly this many bytes. Raises ValueError for a frame that we did not write."""
        try:
            self._require_ours(zstandard.get_frame_parameters(frame), size)
            parts, left = list[bytes](), size + 1
            with self._decompressor.stream_reader(frame) as stream:
                while left and (part := stream.read(min(left, _CHUNK))):
                    parts.append(part)
                    left -= len(part)
        except zstandard.ZstdError as error:
            raise ValueError(f"it cannot be decompressed ({error})") from error
        if left != 1:
            raise ValueError(f"it does not decompress to {size} bytes")
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _require_ours(self, frame: zstandard.FrameParameters, size: int) -> None:
        if size > SIZE_MAX:
            raise ValueError(f"its {size} bytes are more than the {SIZE_MAX} that a body may have")
        if frame.content_size != size:
            raise ValueError(f"its frame states {frame.content_size} bytes and not {size}")
        if frame.window_size > _WINDOW_MAX:
            raise ValueError(f"its frame asks for a window of {frame.window_size} bytes")
        if frame.dict_id != self.dictionary_id:
            raise ValueError(f"its frame names dictionary {frame.dict_id} and not {self.dictionary_id}")
