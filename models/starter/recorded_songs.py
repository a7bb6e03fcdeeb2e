"""Test songs from recordings: samples, loops, game music and recorded speakers.

Nothing here is rendered from a SoundFont or spoken by a synthesiser, and none
of the recordings is used in training. Drums are one-shots and beats of LMMS and
loops of Sonic Pi, basses are LMMS samples, the accompaniment is Wesnoth's game
music or LMMS instrument samples, and the vocals are recorded speakers, speaking
as they are or made to sing.
"""
from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyworld
import soundfile
from scipy import signal

import arrange
import effects
import one_shots
import production
import recordings
from patterns import CLAP, CRASH, HAT, KICK, OPEN_HAT, PEDAL, RIDE, RIM, SNARE, TOMS
from score import Note, Song
from effects import SAMPLE_RATE
from plain_songs import PlainSongMaker, finish_levels
from voices import Voice

LMMS = Path("/usr/share/lmms/samples")
SONIC_PI = Path("/usr/share/sonic-pi/samples")
WESNOTH = Path("/usr/share/games/wesnoth/1.16/data/core/music")
LOOPS = ("loop_amen", "loop_breakbeat", "loop_compus", "loop_garzul", "loop_industrial",
         "loop_amen_full")
BEATS = ("909beat01", "break01", "break02", "break03", "electro_beat01", "electro_beat02",
         "house_loop01", "jungle01")
BASSES = ("basses/bass01", "basses/bass_hard01", "basses/bass_hard02", "basses/rave_bass01",
          "basses/rave_bass02", "basses/rave_bass04", "instruments/bassslap01",
          "instruments/bassslap02")
INSTRUMENTS = ("piano01", "piano02", "steel_guitar01", "steel_guitar_heavy_distorted01",
               "steel_guitar_medium_distorted01", "steel_guitar_slight_distorted01",
               "flute01", "trumpet01", "violin_fingered01", "cello01",
               "church_organ01")
MUSIC = ("elvish-theme", "love_theme", "sad", "transience", "nunc_dimittis", "silvan_sanctuary",
         "journeys_end", "wanderer", "traveling_minstrels", "return_to_wesnoth", "main_menu",
         "heroes_rite")
DRUMS = {
    KICK: ("bassdrum01", "bassdrum02", "bassdrum03", "bassdrum_acoustic01", "bassdrum_acoustic02",
           "kick01", "kick02", "kick03", "kick_soft01", "kick_hiphop01"),
    SNARE: ("snare01", "snare02", "snare03", "snare04", "snare05", "snare06", "snare07",
            "snare_acoustic01", "snare_hiphop01", "snare_hiphop02", "snare_muffled01"),
    RIM: ("rim01", "sidestick01"), CLAP: ("clap01", "clap02", "clap03", "clap04"),
    HAT: ("hihat_closed01", "hihat_closed02", "hihat_closed03", "hihat_closed04"),
    PEDAL: ("hihat_foot_pedal01",), OPEN_HAT: ("hihat_opened01", "hihat_opened02"),
    CRASH: ("crash01", "crash02"), RIDE: ("ride01", "ride02"),
    TOMS[0]: ("tom_hi01", "tom01"), TOMS[1]: ("tom02",), TOMS[2]: ("tom_mid01", "tom03"),
    TOMS[3]: ("tom04",), TOMS[4]: ("tom_low01", "tom05"), 54: ("shaker01",), 56: ("wood01",),
    60: ("tom01",), 70: ("shaker02",), 75: ("clav01",), 76: ("wood01",), 82: ("shaker03",),
}


def read_stereo(path: Path) -> np.ndarray:
    """Decode a file to stereo at the project's rate."""
    audio, rate = soundfile.read(path, always_2d=True)
    if rate != SAMPLE_RATE:
        divisor = np.gcd(rate, SAMPLE_RATE)
        audio = signal.resample_poly(audio, SAMPLE_RATE // divisor, rate // divisor, axis=0)
    return np.repeat(audio, 2, axis=1) if audio.shape[1] == 1 else audio[:, :2]


@lru_cache(maxsize=64)
def pitched_sample(path: Path) -> tuple[np.ndarray, float]:
    """A sample, mono and trimmed, with its MIDI pitch (median of the voiced frames)."""
    mono = read_stereo(path).mean(axis=1)
    begin = int(np.argmax(np.abs(mono) > 0.02 * np.abs(mono).max()))
    mono = np.ascontiguousarray(mono[begin:])
    pitch, _ = pyworld.harvest(mono, SAMPLE_RATE, f0_floor=30, f0_ceil=1200)
    heard = pitch[pitch > 0]
    if heard.size == 0:
        raise ValueError(f"{path}: no pitch")
    return mono / np.abs(mono).max(), 69 + 12 * float(np.log2(np.median(heard) / 440))


def play_sample(notes: list[Note], seconds: float, path: Path) -> np.ndarray:
    """Play notes by resampling one sample; mono."""
    sample, root = pitched_sample(path)
    track = np.zeros(int(seconds * SAMPLE_RATE))
    for note in notes:
        speed = 2 ** ((note.pitch - root) / 12)
        length = min(int(len(sample) / speed), int((note.duration + 0.08) * SAMPLE_RATE))
        tone = np.interp(np.arange(length) * speed, np.arange(len(sample)), sample)
        fade = min(length, int(0.06 * SAMPLE_RATE))
        tone[length - fade:] *= np.linspace(1, 0, fade)
        effects.add_at(track, tone * (note.velocity / 127) ** 1.2, note.start)
    return track


def tile(audio: np.ndarray, length: int) -> np.ndarray:
    """Repeat a loop to a length."""
    return np.tile(audio, (length // len(audio) + 1, 1))[:length]


class RecordedSongMaker(PlainSongMaker):
    """Songs of the second test set."""

    composer = arrange.RecordComposer

    def drums(self, song: Song, rng: np.random.Generator, sources: dict[str, str]) -> np.ndarray:
        """A recorded loop, or composed drums played with LMMS one-shots."""
        length = int(song.duration * SAMPLE_RATE)
        if rng.random() < 0.5:
            paths = [SONIC_PI / f"{name}.flac" for name in LOOPS]
            paths += [LMMS / "beats" / f"{name}.ogg" for name in BEATS]
            path = paths[int(rng.integers(len(paths)))]
            sources["drums"] = f"loop {path.stem}"
            audio = tile(read_stereo(path), length)
            edge = np.clip(np.arange(length) / SAMPLE_RATE - rng.choice([0, 0, 4]), 0, 1)
            return audio * edge[:, None]
        kit = {key: self._hit(key, str(rng.choice(names)), rng) for key, names in DRUMS.items()}
        sources["drums"] = "LMMS one-shots"
        notes = arrange.humanise(song.drums, rng, song.duration)
        audio = one_shots.render_one_shots(notes, song.duration, kit, rng)
        return effects.reverb(audio, rng, rng.uniform(0.3, 1), rng.uniform(0, 0.15))

    @staticmethod
    def _hit(key: int, name: str, rng: np.random.Generator) -> np.ndarray:
        mono = read_stereo(LMMS / "drums" / f"{name}.ogg").mean(axis=1)[: 2 * SAMPLE_RATE]
        place = 0.0 if key in (KICK, SNARE) else rng.uniform(-0.5, 0.5)
        return effects.pan(mono * 0.8 / np.abs(mono).max(), place) * one_shots.drum_balance(key)

    def bass(self, song: Song, rng: np.random.Generator, sources: dict[str, str]) -> np.ndarray:
        """A bass sample playing the composed line."""
        name = str(rng.choice(BASSES))
        sources["bass"] = f"LMMS {name}"
        notes = arrange.humanise(song.bass, rng, song.duration)
        mono = play_sample(notes, song.duration, LMMS / f"{name}.ogg")
        return effects.pan(effects.compress(effects.set_level(mono, -18), -20, 2), 0.0)

    def other(self, song: Song, rng: np.random.Generator, sources: dict[str, str]) -> np.ndarray:
        """An excerpt of game music, or samples playing the composed parts."""
        length = int(song.duration * SAMPLE_RATE)
        if rng.random() < 0.5:
            name = str(rng.choice(MUSIC))
            music = read_stereo(WESNOTH / f"{name}.ogg")
            start = int(rng.integers(max(1, len(music) - length)))
            sources["other"] = f"Wesnoth {name} from {start / SAMPLE_RATE:.0f} s"
            return tile(music[start:start + length], length)
        total = np.zeros((length, 2))
        for number, part in enumerate(song.others):
            name = str(rng.choice(INSTRUMENTS))
            sources[f"other {number} {part.role}"] = f"LMMS {name}"
            notes = arrange.humanise(part.notes, rng, song.duration)
            mono = play_sample(notes, song.duration, LMMS / "instruments" / f"{name}.ogg")
            audio = effects.pan(effects.set_level(mono, rng.uniform(-24, -16)), rng.uniform(-0.8, 0.8))
            total += effects.reverb(audio, rng, rng.uniform(0.4, 2), rng.uniform(0.05, 0.3))[:length]
        return effects.high_pass(total, 50)

    def vocals(self, song: Song, voice: Voice, rng: np.random.Generator) -> np.ndarray:
        """Recorded speech as it is, or sung by the vocoder from recorded syllables."""
        if rng.random() < 0.5:
            return super().vocals(song, voice, rng)
        paths = recordings.files_of(voice.name)
        total = np.zeros((int(song.duration * SAMPLE_RATE), 2))
        position = rng.uniform(0, 3)
        while position < song.duration:
            audio = recordings.read_mono(paths[int(rng.integers(len(paths)))])
            audio = signal.resample_poly(audio, 2, 1)[: 8 * SAMPLE_RATE]
            effects.add_at(total, effects.pan(effects.set_level(audio, -18), 0.0), position)
            position += len(audio) / SAMPLE_RATE + rng.exponential(0.5)
        return self._vocal_effects(total, replace(song), rng)

    def finish(self, stems: dict[str, np.ndarray], song: Song,
               rng: np.random.Generator) -> dict[str, np.ndarray]:
        """The plain songs' levels; half of the songs are mastered."""
        out = finish_levels(stems, rng)
        if rng.random() < 0.5:
            out = production.master(production.shared_room(out, rng), rng)
        peak = max(np.abs(audio).max() for audio in [*out.values(), sum(out.values())])
        return {name: audio * min(1.0, 0.97 / (peak + 1e-9)) for name, audio in out.items()}
