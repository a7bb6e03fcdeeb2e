"""Songs produced like records: the second kind of training song.

Uses the plain generator's stages with more sound sources (recorded drum kits,
amplifiers, synthesised basses), played by :func:`arrange.humanise`, layered
vocals of up to two singers, and :mod:`production` for the mixture.
"""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

import arrange
import drumkits
import effects
import modulation
import production
import singing
import synthesis
from score import Part, Phrase, Song
from effects import SAMPLE_RATE
from plain_songs import STEMS, PlainSongMaker, maybe_reverb
from singing import Singer
from soundfonts import SoundFontPlayer
from voices import Voice

LEVELS_DB = {"drums": (-23, -13), "bass": (-24, -15), "other": (-25, -14), "vocals": (-23, -13)}
OVERDRIVEN = (29, 30)


class ProducedSongMaker(PlainSongMaker):
    """Renders songs with more sources, effects and a record's mixing."""

    composer = arrange.RecordComposer

    def __init__(self, args) -> None:
        super().__init__(args)
        folders = sorted(Path(args.drumkits).iterdir()) if args.drumkits else []
        self.kits = [folder for folder in folders if (folder / "drumkit.xml").is_file()
                     and drumkits.is_complete(folder)]
        self.drum_players = [SoundFontPlayer(path) for path in args.drum_soundfont]

    # -- stems ---------------------------------------------------------------

    def drums(self, song: Song, rng: np.random.Generator, sources: dict[str, str]) -> np.ndarray:
        """Recorded kit, drum SoundFont or the plain sources, then bus effects."""
        song = replace(song, drums=arrange.humanise(song.drums, rng, song.duration))
        choice = rng.random()
        if self.kits and choice < 0.45:
            kit = self.kits[int(rng.integers(len(self.kits)))]
            audio = drumkits.render_kit(song.drums, song.duration, kit, rng)
            sources["drums"] = f"Hydrogen {kit.name}"
        elif self.drum_players and choice < 0.6:
            player = self.drum_players[int(rng.integers(len(self.drum_players)))]
            audio = player.render(song.drums, song.duration, 0, drums=True)
            sources["drums"] = player.name
        else:
            return modulation.widen(super().drums(song, rng, sources), rng)
        audio = effects.random_eq(effects.set_level(audio, -18), rng, 3)
        if rng.random() < 0.5:  # parallel compression
            hard = effects.compress(audio, -30, rng.uniform(4, 10))
            audio = audio + rng.uniform(0.3, 1) * effects.set_level(hard, -18)
        if rng.random() < 0.2:
            audio = effects.saturate(audio, rng.uniform(1, 4))
        audio = modulation.widen(audio, rng) if rng.random() < 0.5 else audio
        return maybe_reverb(audio, rng, 0.4, (0.2, 1.2), (0.03, 0.25))

    def bass(self, song: Song, rng: np.random.Generator, sources: dict[str, str]) -> np.ndarray:
        """A third of the basses are synthesised with the larger patches."""
        song = replace(song, bass=arrange.humanise(song.bass, rng, song.duration))
        if rng.random() >= 0.35:
            return super().bass(song, rng, sources)
        audio, kind = synthesis.render_bass(song.bass, song.duration, rng)
        sources["bass"] = f"synthesiser {kind}"
        audio = effects.random_eq(audio, rng)
        return effects.compress(effects.set_level(audio, -18), -20, rng.uniform(1.5, 5))

    def _part(self, song: Song, part: Part, rng: np.random.Generator, sources: dict[str, str],
              number: int) -> np.ndarray:
        part = replace(part, notes=arrange.humanise(part.notes, rng, song.duration))
        guitar = 24 <= part.program <= 31
        if guitar and (part.program in OVERDRIVEN or part.role == "power" or rng.random() < 0.2):
            audio = self._amplified(song, part, rng, sources, number)
        else:
            audio = super()._part(song, part, rng, sources, number)
        return modulation.random_effects(audio, rng, song.tempo)

    def _amplified(self, song: Song, part: Part, rng: np.random.Generator,
                   sources: dict[str, str], number: int) -> np.ndarray:
        """An amplified guitar, often recorded twice for the left and the right side."""
        player = self.players.choose(rng)
        program = 27 if part.program in OVERDRIVEN and rng.random() < 0.6 else part.program
        drive = float(np.exp(rng.uniform(np.log(1.5), np.log(30))))
        takes = 2 if rng.random() < 0.5 else 1
        audio = np.zeros((int(song.duration * SAMPLE_RATE), 2))
        for take in range(takes):
            notes = arrange.humanise(part.notes, rng, song.duration) if take else part.notes
            dry = self.players.play(player, notes, song.duration, program, rng).mean(axis=1)
            loud = modulation.guitar_amplifier(dry, rng, drive)
            place = rng.uniform(-0.4, 0.4) if takes == 1 else (take * 2 - 1) * rng.uniform(0.5, 1)
            audio += effects.pan(loud, place)[: len(audio)]
        sources[f"other {number} {part.role}"] = f"{player.name} program {program}, amplifier"
        return maybe_reverb(effects.set_level(audio, -20), rng, 0.5, (0.3, 1.5), (0.03, 0.3))

    # -- vocals ----------------------------------------------------------------

    def vocals(self, song: Song, voice: Voice, rng: np.random.Generator) -> np.ndarray:
        """Lead, doubles, a second singer's harmonies and ad-libs; sometimes plain speech."""
        total = np.zeros((int(song.duration * SAMPLE_RATE), 2))
        bank = Path(self.args.bank)
        lead = varied(Singer.random(bank, voice, song.delivery == "rap" or rng.random() < 0.06, rng),
                      rng)
        other = self.voices[int(rng.integers(len(self.voices)))] if rng.random() < 0.4 else voice
        second = varied(Singer.random(bank, other, lead.spoken, rng), rng)
        octave = 12 * round((singing.singing_centre(bank, other)
                             - singing.singing_centre(bank, voice)) / 12)
        doubles = int(rng.choice([0, 0, 0, 1, 2, 2, 4]))
        intervals = [int(x) for x in rng.choice([3, 4, 5, 7, -5, 12], int(rng.integers(0, 3)))]
        place = rng.uniform(-0.15, 0.15) if rng.random() < 0.85 else rng.uniform(-0.6, 0.6)
        cache: dict[str, np.ndarray] = {}
        for phrase in song.vocals:
            if phrase.key not in cache:
                chorus = phrase.key.startswith("chorus")
                cache[phrase.key] = layered(
                    lead, second, phrase, rng, place, doubles if chorus or rng.random() < 0.4 else 0,
                    [octave + x for x in intervals] if chorus and not lead.spoken else [])
            effects.add_at(total, cache[phrase.key], max(0.0, phrase.start + rng.normal(0, 0.02)))
            if rng.random() < 0.4 and phrase.start > 0.5:
                breath = effects.pan(singing.breath_noise(rng), place)
                effects.add_at(total, breath, phrase.start - 0.35)
        if rng.random() < 0.15:
            total = effects.saturate(total, rng.uniform(1, 5))
        total = modulation.chorus(total, rng) if rng.random() < 0.12 else total
        return self._vocal_effects(total, song, rng)

    # -- mixture -----------------------------------------------------------------

    def finish(self, stems: dict[str, np.ndarray], song: Song,
               rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Levels, automation, shared room, side-chain and mastering."""
        length = min(len(audio) for audio in stems.values())
        out = {name: effects.set_level(np.nan_to_num(stems[name][:length]),
                                       rng.uniform(*LEVELS_DB[name])) for name in STEMS}
        if rng.random() < 0.5:
            out = production.passages(out, rng, 240 / song.tempo)
        if rng.random() < 0.5:
            out = production.shared_room(out, rng)
        if song.style in ("dance", "hiphop", "pop") and rng.random() < 0.35:
            out = production.duck(out, rng)
        out = production.master(out, rng)
        peak = max(np.abs(audio).max() for audio in [*out.values(), sum(out.values())])
        return {name: audio * min(1.0, 0.97 / (peak + 1e-9)) for name, audio in out.items()}


def varied(singer: Singer, rng: np.random.Generator) -> Singer:
    """A wider range of formants, vibrato and breath than the plain songs have."""
    return replace(singer, warp=float(rng.uniform(0.84, 1.2)),
                   vibrato_cents=float(rng.uniform(0, 90)), glide_ms=float(rng.uniform(15, 90)),
                   breath=float(rng.choice([0, 0, 0.05, 0.15, 0.3, 0.5])))


def layered(lead: Singer, second: Singer, phrase: Phrase, rng: np.random.Generator, place: float,
            doubles: int, intervals: list[int]) -> np.ndarray:
    """One phrase: lead in the middle, doubles at the sides, harmonies of the second singer."""
    lyrics = [int(x) for x in rng.integers(0, 10_000, size=len(phrase.notes))]
    dynamics = rng.normal(0, 0.15, size=2)
    layers = [effects.pan(lead.sing(phrase, lyrics, rng), place)]
    for index in range(doubles):
        side = (1 if index % 2 else -1) * rng.uniform(0.3, 0.9)
        layers.append(rng.uniform(0.25, 0.7) * effects.pan(lead.sing(phrase, lyrics, rng), side))
    for interval in intervals:
        voice = second.sing(phrase, lyrics, rng, interval)
        layers.append(rng.uniform(0.3, 0.7) * effects.pan(voice, rng.uniform(-0.8, 0.8)))
    out = np.zeros((max(len(layer) for layer in layers) + SAMPLE_RATE // 20, 2))
    for index, layer in enumerate(layers):
        effects.add_at(out, layer, abs(rng.normal(0, 0.012)) if index else 0.0)
    ramp = np.linspace(dynamics[0], dynamics[1], len(out))
    return out * np.exp(ramp)[:, None]
