"""What Schemathesis sends as songs: short recordings, and bytes that only begin like one."""

import io
import wave

import schemathesis
from hypothesis import strategies as st


def recording(frames: int) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as song:
        song.setnchannels(2)
        song.setsampwidth(2)
        song.setframerate(44100)
        song.writeframes(bytes(4 * frames))
    return file.getvalue()


songs = st.one_of(
    st.integers(min_value=0, max_value=2000).map(recording),
    st.binary(min_size=0, max_size=400).map(lambda rest: b"ID3\x04\x00\x00" + rest))

schemathesis.openapi.media_type("audio/*", songs, aliases=["application/octet-stream"])
