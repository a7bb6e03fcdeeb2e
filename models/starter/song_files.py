"""A song on the disk: a WAV file for each stem, and what is known of it in ``song.json``."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soundfile

from effects import SAMPLE_RATE
from score import Song


def describe(song: Song, sources: dict[str, str]) -> dict:
    """Facts about a song for ``song.json``."""
    melody = [[round(p.start + n.start, 4), round(n.duration, 4), n.pitch]
              for p in song.vocals for n in p.notes]
    return {"style": song.style, "tempo": round(song.tempo, 2), "key": song.key,
            "scale": list(song.scale), "duration": round(song.duration, 3),
            "delivery": song.delivery, "sections": [s.name for s in song.sections],
            "sources": sources, "melody": melody}


def write_song(folder: Path, stems: dict[str, np.ndarray], facts: dict, mixture: bool) -> None:
    """Write the stems as 16-bit WAV files; ``song.json`` last, as the mark of completion."""
    folder.mkdir(parents=True, exist_ok=True)
    exact = {name: np.round(audio * 32767).astype(np.int16) for name, audio in stems.items()}
    if mixture:
        total = sum(audio.astype(np.int32) for audio in exact.values())
        exact["mixture"] = np.clip(total, -32768, 32767).astype(np.int16)
    for name, audio in exact.items():
        soundfile.write(folder / f"{name}.wav", audio, SAMPLE_RATE, subtype="PCM_16")
    (folder / "song.json").write_text(json.dumps(facts, indent=1))
