"""Plain songs: random composition, simple processing and levels, stems that are just added."""
from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import effects
import one_shots
import singing
import synthesis
import voices
from compose import Composer
from effects import SAMPLE_RATE
from players import Players
from score import Part, Phrase, Song
from singing import Singer
from song_files import describe, write_song
from soundfonts import GM_DRUM_KITS
from voices import Voice

STEMS = ("drums", "bass", "other", "vocals")
LEVELS_DB = {"drums": (-21, -14), "bass": (-22, -15), "other": (-23, -15), "vocals": (-21, -14)}


class PlainSongMaker:
    """Renders composed songs with a set of sound sources."""

    composer = Composer

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.players = Players(args.soundfont, args.patch_set, args.revoice)
        self.voices = voices.SETS[args.voices]

    def make(self, index: int) -> None:
        """Compose, render and write one song."""
        folder = Path(self.args.out) / f"song-{self.args.seed:03d}-{index:04d}"
        if (folder / "song.json").exists():
            return
        rng = np.random.default_rng([self.args.seed, index])
        voice = self.voices[int(rng.integers(len(self.voices)))]
        centre = singing.singing_centre(Path(self.args.bank), voice) + int(rng.integers(-3, 4))
        song = self.composer(rng, rng.uniform(*self.args.seconds), centre).compose()
        sources: dict[str, str] = {"voice": f"{voice.engine} {voice.name}"}
        stems = {
            "drums": self.drums(song, rng, sources),
            "bass": self.bass(song, rng, sources),
            "other": self.other(song, rng, sources),
            "vocals": self.vocals(song, voice, rng),
        }
        stems = self.finish(stems, song, rng)
        write_song(folder, stems, describe(song, sources), not self.args.no_mixture)

    def finish(self, stems: dict[str, np.ndarray], song: Song,
               rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Levels of the stems in the mixture."""
        return finish_levels(stems, rng)

    # -- stems ---------------------------------------------------------------

    def drums(self, song: Song, rng: np.random.Generator, sources: dict[str, str]) -> np.ndarray:
        """SoundFont kit, sampled one-shots or a synthetic kit, as one processed bus."""
        engines = ["soundfont", "soundfont"]
        if self.args.drum_samples:
            engines += ["samples", "synthetic"]
        engine = str(rng.choice(engines))
        if engine == "soundfont":
            player = self.players.choose(rng)
            kit = int(rng.choice(GM_DRUM_KITS))
            audio = player.render(song.drums, song.duration, kit, drums=True)
            engine = f"{player.name} kit {kit}"
        else:
            kit = (one_shots.sampled_kit(Path(self.args.drum_samples), rng)
                   if engine == "samples" else one_shots.synthetic_kit(rng))
            audio = one_shots.render_one_shots(song.drums, song.duration, kit, rng)
        sources["drums"] = engine
        audio = effects.random_eq(audio, rng)
        if rng.random() < 0.6:
            audio = effects.compress(effects.set_level(audio, -18), -20, rng.uniform(1.5, 4))
        if rng.random() < 0.15:
            audio = effects.saturate(audio, rng.uniform(1, 3))
        return maybe_reverb(audio, rng, 0.5, (0.2, 1.0), (0.03, 0.2))

    def bass(self, song: Song, rng: np.random.Generator, sources: dict[str, str]) -> np.ndarray:
        """SoundFont or synthesised bass, mostly centred and dry."""
        if song.bass_program < 0:
            audio = synthesis.render_synth(song.bass, song.duration, rng, bass=True)
            sources["bass"] = "synthesiser"
        else:
            player = self.players.choose(rng)
            audio = self.players.play(player, song.bass, song.duration, song.bass_program, rng)
            sources["bass"] = f"{player.name} program {song.bass_program}"
        mono = audio.mean(axis=1)
        if rng.random() < 0.25:
            mono = effects.saturate(mono, rng.uniform(1, 6))
        audio = effects.pan(mono, rng.uniform(-0.1, 0.1))
        audio = effects.random_eq(audio, rng)
        if rng.random() < 0.6:
            audio = effects.compress(effects.set_level(audio, -18), -20, rng.uniform(2, 5))
        return audio

    def other(self, song: Song, rng: np.random.Generator, sources: dict[str, str]) -> np.ndarray:
        """All accompanying parts with their own level, place and effects."""
        total = np.zeros((int(song.duration * SAMPLE_RATE), 2))
        for number, part in enumerate(song.others):
            audio = self._part(song, part, rng, sources, number)
            audio = effects.set_level(audio, rng.uniform(-24, -16))
            total += audio[: len(total)]
        return effects.random_eq(total, rng, 1)

    def _part(self, song: Song, part: Part, rng: np.random.Generator, sources: dict[str, str],
              number: int) -> np.ndarray:
        if part.program < 0:
            audio = synthesis.render_synth(part.notes, song.duration, rng, bass=False)
            sources[f"other {number} {part.role}"] = "synthesiser"
        else:
            player = self.players.choose(rng)
            audio = self.players.play(player, part.notes, song.duration, part.program, rng)
            sources[f"other {number} {part.role}"] = f"{player.name} program {part.program}"
        if part.program in (29, 30) and rng.random() < 0.5:
            audio = effects.saturate(audio, rng.uniform(2, 12))
        audio = effects.high_pass(audio, rng.uniform(60, 200))
        audio = effects.random_eq(audio, rng)
        audio = effects.balance(audio, rng.uniform(-1, 1))
        if rng.random() < 0.15:
            audio = effects.echo(audio, 60 / song.tempo * rng.choice([0.5, 0.75]), 0.5, 0.35)
        return maybe_reverb(audio, rng, 0.6, (0.4, 2.5), (0.05, 0.4))

    def vocals(self, song: Song, voice: Voice, rng: np.random.Generator) -> np.ndarray:
        """Lead voice, optional double and harmony, with repeats sung alike."""
        total = np.zeros((int(song.duration * SAMPLE_RATE), 2))
        singer = Singer.random(Path(self.args.bank), voice, song.delivery == "rap", rng)
        lead_pan = rng.uniform(-0.15, 0.15) if rng.random() < 0.8 else rng.uniform(-0.5, 0.5)
        double = rng.random() < 0.2
        harmony = int(rng.choice([0, 0, 0, 3, 4, 7, -5, 12])) if not singer.spoken else 0
        cache: dict[str, np.ndarray] = {}
        for phrase in song.vocals:
            if phrase.key not in cache:
                extra = harmony if phrase.key.startswith("chorus") else 0
                cache[phrase.key] = sing_phrase(singer, phrase, rng, lead_pan, double, extra)
            effects.add_at(total, cache[phrase.key], phrase.start)
            if rng.random() < 0.4 and phrase.start > 0.5:
                breath = effects.pan(singing.breath_noise(rng), lead_pan)
                effects.add_at(total, breath, phrase.start - 0.35)
        return self._vocal_effects(total, song, rng)

    def _vocal_effects(self, audio: np.ndarray, song: Song,
                       rng: np.random.Generator) -> np.ndarray:
        audio = effects.high_pass(audio, rng.uniform(70, 130))
        audio = effects.random_eq(audio, rng)
        audio = effects.peak_eq(audio, rng.uniform(2500, 5000), rng.uniform(0, 5))
        audio = effects.compress(effects.set_level(audio, -18), -22, rng.uniform(1.5, 5))
        if rng.random() < 0.2:
            audio = effects.echo(audio, 60 / song.tempo * rng.choice([0.5, 0.75, 1]), 0.45, 0.25)
        return maybe_reverb(audio, rng, 0.75, (0.4, 2.5), (0.04, 0.3))


def sing_phrase(singer: Singer, phrase: Phrase, rng: np.random.Generator, position: float,
                double: bool, harmony: int) -> np.ndarray:
    """One phrase as stereo: lead, perhaps a panned double take and a harmony."""
    lyrics = [int(x) for x in rng.integers(0, 10_000, size=len(phrase.notes))]
    lead = singer.sing(phrase, lyrics, rng)
    layers = [effects.pan(lead, position)]
    if double:
        layers.append(0.5 * effects.pan(singer.sing(phrase, lyrics, rng), 0.6))
        layers.append(0.5 * effects.pan(singer.sing(phrase, lyrics, rng), -0.6))
    if harmony:
        layers.append(0.5 * effects.pan(singer.sing(phrase, lyrics, rng, harmony),
                                        rng.uniform(-0.7, 0.7)))
    length = max(len(layer) for layer in layers)
    out = np.zeros((length, 2))
    for layer in layers:
        out[: len(layer)] += layer
    return out


def maybe_reverb(audio: np.ndarray, rng: np.random.Generator, probability: float,
                 seconds: tuple[float, float], wet: tuple[float, float]) -> np.ndarray:
    """Apply a random reverb with some probability."""
    if rng.random() >= probability:
        return audio
    return effects.reverb(np.asarray(audio, dtype=np.float64), rng, rng.uniform(*seconds),
                          rng.uniform(*wet))


def finish_levels(stems: dict[str, np.ndarray],
                  rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Give each stem a random level, cut to one length and keep the mix below full scale."""
    length = min(len(audio) for audio in stems.values())
    out = {name: effects.set_level(np.nan_to_num(audio[:length]), rng.uniform(*LEVELS_DB[name]))
           for name, audio in stems.items()}
    peak = max(np.abs(audio).max() for audio in [*out.values(), sum(out.values())])
    scale = min(1.0, 0.95 / (peak + 1e-9)) * effects.db(rng.uniform(-3, 0))
    return {name: audio * scale for name, audio in out.items()}
