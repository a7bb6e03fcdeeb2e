"""The voices that sing: speech synthesisers and recorded speakers, and who is kept for tests.

A recorded voice is named ``collection/folder``; :mod:`recordings` finds its
files. Test voices never appear among the training voices.
"""
from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Voice:
    """A voice: engine, name and singing centre (MIDI pitch; 0 = from the recordings)."""

    engine: str
    name: str
    centre: int = 0


WORDS = (
    "love you me baby night light time day way say stay heart dream fire rain sun moon sky eyes "
    "mind soul home alone girl boy man world life feel know go down around tonight away again "
    "never ever forever always more before door floor high fly cry try why my your mine free be "
    "see believe leave need please dance chance change strange name game fame burn turn learn "
    "run gun one gone long song strong wrong back black track hold cold told gold road slow "
    "oh ah yeah hey ooh la na da whoa hallelujah wonder summer river silver angel lonely only "
    "money honey morning shadow window yellow tomorrow sorrow breathe whisper kiss miss this "
    "wish crystal just must trust touch much such rush street speak sweet dark park spark"
).split()
CYRILLIC_WORDS = (
    "любовь ночь день свет солнце небо море ветер дом друг мама песня слово время жизнь сердце "
    "огонь вода земля река зима весна лето осень дорога город звезда луна глаза руки мир душа "
    "мечта радость тихо снова всегда никогда сегодня завтра вчера один вместе далеко быстро"
).split()
DEVANAGARI_WORDS = (
    "प्यार रात दिन सूरज चाँद आसमान दिल सपना आग पानी हवा घर माँ गाना नाम जीवन समय राह शहर तारा आँख "
    "हाथ दुनिया मन खुशी आज कल सदा साथ दूर नदी फूल बारिश रंग राजा रानी मीठा काला नीला तुम हम मेरा"
).split()
TELUGU_WORDS = (
    "ప్రేమ రాత్రి పగలు సూర్యుడు చంద్రుడు ఆకాశం మనసు కల నీరు గాలి ఇల్లు అమ్మ పాట పేరు జీవితం సమయం దారి ఊరు "
    "కన్ను చేయి లోకం ఆనందం నేడు రేపు నది పువ్వు వాన రంగు రాజు రాణి నీలం నువ్వు నేను మేము మాట మంచి"
).split()
SCRIPTS = {"hindi_NSK_diphone": DEVANAGARI_WORDS,
           "marathi_NSK_diphone": DEVANAGARI_WORDS, "telugu_NSK_diphone": TELUGU_WORDS}

FIRST_TRAIN_VOICES = (
    Voice("flite", "awb", 53), Voice("flite", "kal16", 51), Voice("flite", "slt", 63),
    Voice("festival", "ked_diphone", 52), Voice("festival", "cmu_us_slt_arctic_hts", 64),
    Voice("festival", "kal_diphone", 54),
    Voice("espeak", "en-us+f1", 65), Voice("espeak", "en-us+f2", 63), Voice("espeak", "es+f3", 66),
    Voice("espeak", "it+f4", 62), Voice("espeak", "en-gb+f5", 64), Voice("espeak", "en-us+m1", 52),
    Voice("espeak", "en-gb+m3", 50), Voice("espeak", "es+m5", 54), Voice("espeak", "it+m7", 53),
    Voice("espeak", "en-us+linda", 62), Voice("espeak", "en-us+f4", 64),
    Voice("espeak", "en-us+michel", 52), Voice("espeak", "en-gb+belinda", 64),
    Voice("espeak", "de+antonio", 51),
)
FESTIVAL_VOICES = (
    Voice("festival", "lp_diphone", 63),
    Voice("festival", "upc_ca_ona_hts", 64), Voice("festival", "czech_krb", 60),
    Voice("festival", "czech_machac", 51), Voice("festival", "czech_ph", 53),
    Voice("festival", "suo_fi_lj_diphone", 64), Voice("festival", "hy_fi_mv_diphone", 52),
    Voice("festival", "hindi_NSK_diphone", 53),
    Voice("festival", "marathi_NSK_diphone", 54), Voice("festival", "telugu_NSK_diphone", 52),
    Voice("espeak", "pt-br+m2", 53), Voice("espeak", "sv+m4", 50),
    Voice("espeak", "pl+f5", 62),
)
RECORDED_VOICES = tuple(
    Voice("recorded", name) for name in (
        "asterisk/en_US_f_Allison", "asterisk/ru_RU_f_IvrvoiceRU",
        *(f"klettres/{code}" for code in (
            "ar", "cs", "da", "de", "en", "en_GB", "es", "fr", "he", "it", "lt", "ml", "nb", "nds",
            "nl", "pt_BR", "ru", "tn", "uk")),
        *(f"ktuberling/{code}" for code in (
            "da", "de", "el", "en", "fr", "lt", "ru", "uk", "wa"))))
TRAIN_VOICES = FIRST_TRAIN_VOICES + FESTIVAL_VOICES + RECORDED_VOICES
VALIDATION_VOICES = (
    Voice("festival", "pc_diphone", 52), Voice("recorded", "ktuberling/sl"),
    Voice("espeak", "fr+f2", 65),
)
TEST_VOICES = (
    Voice("flite", "rms", 51), Voice("flite", "rms", 56), Voice("festival", "czech_dita", 64),
)
RECORDED_TEST_VOICES = tuple(
    Voice("recorded", name) for name in (
        "asterisk/fr_CA_f_June", "asterisk/it_IT_m_Carlo", "klettres/hu", "ktuberling/ca"))
FREE_TEST_VOICES = (Voice("flite", "rms", 53),)
SETS = {"train": TRAIN_VOICES, "first-train": FIRST_TRAIN_VOICES,
        "validation": VALIDATION_VOICES, "test": TEST_VOICES,
        "recorded-test": RECORDED_TEST_VOICES, "free-test": FREE_TEST_VOICES}


def words_for(voice: Voice) -> list[str]:
    """The word list in the script that a speech voice can read."""
    return SCRIPTS.get(voice.name, WORDS)
