"""A composed song: notes in seconds for the drums, the bass, the accompanying parts and the sung melody."""
from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Note:
    """One note: start and duration in seconds, MIDI pitch, velocity 1-127."""

    start: float
    duration: float
    pitch: int
    velocity: int


@dataclass
class Part:
    """An accompanying part: how it plays, what plays it and its notes."""

    role: str
    program: int
    notes: list[Note] = field(default_factory=list)


@dataclass
class Phrase:
    """A sung phrase. ``key`` identifies repeats so that audio can be reused."""

    key: str
    start: float
    notes: list[Note]


@dataclass
class Section:
    """A stretch of bars with one harmony and a set of sounding stems."""

    name: str
    bars: int
    chords: tuple[int, ...]
    stems: frozenset[str]


@dataclass
class Song:
    """A composed song; times in seconds."""

    style: str
    tempo: float
    key: int
    scale: tuple[int, ...]
    duration: float
    sections: list[Section]
    drums: list[Note]
    bass: list[Note]
    bass_program: int
    others: list[Part]
    vocals: list[Phrase]
    delivery: str
