"""What songs are composed of: scales, progressions, drum grooves, bass, comping and melody rhythms."""
from __future__ import annotations

MAJOR = (0, 2, 4, 5, 7, 9, 11)
MINOR = (0, 2, 3, 5, 7, 8, 10)
DORIAN = (0, 2, 3, 5, 7, 9, 10)
MIXOLYDIAN = (0, 2, 4, 5, 7, 9, 10)
STEPS = 16  # sixteenth notes in one bar of 4/4

# Scale degrees (0 = tonic), one chord a bar.
PROGRESSIONS = (
    (0, 4, 5, 3), (0, 5, 3, 4), (5, 3, 0, 4), (0, 3, 4, 3), (1, 4, 0, 0), (0, 3, 0, 4),
    (0, 6, 5, 4), (0, 2, 3, 4), (3, 4, 2, 5), (0, 0, 3, 4), (0, 5, 1, 4), (5, 4, 3, 4),
    (0, 6, 3, 0), (0, 3, 5, 4), (3, 0, 4, 5), (0, 4, 3, 3), (0, 0, 5, 5), (0, 2, 5, 3),
)

# One bar of sixteenths: x = hit, o = soft hit, . = rest.
DRUM_GROOVES = {
    "rock": {"kick": ("x.......x.......", "x.......x.x.....", "x.x.....x.....x.", "x..x....x.x....."),
             "snare": ("....x.......x...", "....x.......x..o", "....x..o.o..x..."),
             "hat": ("x.x.x.x.x.x.x.x.", "x...x...x...x...", "x.o.x.o.x.o.x.o.")},
    "pop": {"kick": ("x.....x.x.......", "x.......x..x....", "x..x..x...x.....", "x.....x...x....."),
            "snare": ("....x.......x...",),
            "hat": ("x.x.x.x.x.x.x.x.", "xoxoxoxoxoxoxoxo", "..x...x...x...x.")},
    "dance": {"kick": ("x...x...x...x...", "x...x...x...x.x."),
              "snare": ("....x.......x...", "................", "....x.......x..o"),
              "hat": ("..x...x...x...x.", "xoxoxoxoxoxoxoxo", "x.x.x.x.x.x.x.x.")},
    "hiphop": {"kick": ("x.....x...x.....", "x..x......x..x..", "x......x..x.....", "x.x.......xx...."),
               "snare": ("....x.......x...", "........x.......", "....x..o....x.o."),
               "hat": ("x.x.x.x.x.x.x.x.", "x.x.xxx.x.x.x.xx", "xxx.x.xxx.x.xxx.")},
    "funk": {"kick": ("x.x.......x..x..", "x..x..x...x.....", "x.....x..x......"),
             "snare": ("....x..o.o..x..o", "....x..o.o.ox...", "....x.......x.o."),
             "hat": ("xoxoxoxoxoxoxoxo", "x.xxx.xxx.xxx.xx", "x.x.x.x.x.x.x.x.")},
    "ballad": {"kick": ("x.........x.....", "x.......x.......", "x..............."),
               "snare": ("........x.......", "....x.......x..."),
               "hat": ("x...x...x...x...", "x.x.x.x.x.x.x.x.")},
    "latin": {"kick": ("x..x..x.x..x..x.", "x.....x.x.....x."),
              "snare": ("...x..x....x..x.", "x..x..x...x.x...", "....x.......x..."),
              "hat": ("x.x.x.x.x.x.x.x.", "xoxoxoxoxoxoxoxo")},
    "reggae": {"kick": ("........x.......", "x.......x......."),
               "snare": ("........x.......", "........x.....o."),
               "hat": ("x.x.x.x.x.x.x.x.", "..x...x...x...x.")},
    "metal": {"kick": ("x.x.x.x.x.x.x.x.", "xx.xxx.xxx.xxx.x", "x..xx..xx..xx..x"),
              "snare": ("....x.......x...", "..x...x...x...x."),
              "hat": ("x...x...x...x...", "x.x.x.x.x.x.x.x.")},
    "halftime": {"kick": ("x.....x.........", "x..x...........x", "x.........x....."),
                 "snare": ("........x.......", "........x.....o."),
                 "hat": ("x.x.x.x.x.x.x.x.", "xxxxx.x.xxx.xxxx", "x.x.x.x.xxx.x.x.")},
}
TEMPOS = {"rock": (95, 160), "pop": (85, 130), "dance": (115, 138), "hiphop": (72, 105),
          "funk": (90, 118), "ballad": (58, 86), "latin": (90, 130), "reggae": (70, 95),
          "metal": (120, 175), "halftime": (120, 160)}

# General MIDI drum keys.
KICK, SNARE, RIM, CLAP, HAT, PEDAL, OPEN_HAT, CRASH, RIDE = 36, 38, 37, 39, 42, 44, 46, 49, 51
TOMS = (50, 48, 47, 45, 43)
PERCUSSION = (54, 56, 60, 61, 62, 63, 64, 69, 70, 75, 76, 82)

BASS_PATTERNS = {
    # (start step, length in steps, what): r root, f fifth, o octave, t third, a approach note
    "long": (((0, 16, "r"),), ((0, 8, "r"), (8, 8, "r")), ((0, 12, "r"), (12, 4, "f"))),
    "eighths": (tuple((s, 2, "r") for s in range(0, 16, 2)),
                tuple((s, 2, "r" if s < 12 else "f") for s in range(0, 16, 2))),
    "octaves": (tuple((s, 2, "r" if s % 4 == 0 else "o") for s in range(0, 16, 2)),
                tuple((s + 2, 2, "r") for s in range(0, 16, 4))),
    "walking": (((0, 4, "r"), (4, 4, "t"), (8, 4, "f"), (12, 4, "a")),
                ((0, 4, "r"), (4, 4, "f"), (8, 4, "o"), (12, 4, "a"))),
    "syncopated": (((0, 3, "r"), (3, 3, "r"), (6, 2, "o"), (8, 3, "r"), (11, 3, "f"), (14, 2, "r")),
                   ((0, 6, "r"), (6, 2, "r"), (8, 2, "o"), (10, 6, "r")),
                   ((0, 2, "r"), (3, 1, "r"), (4, 2, "o"), (7, 1, "r"), (8, 2, "r"), (10, 2, "f"),
                    (12, 2, "t"), (14, 2, "a"))),
    "root_fifth": (((0, 8, "r"), (8, 8, "f")), ((0, 6, "r"), (6, 2, "f"), (8, 6, "r"), (14, 2, "f"))),
    "sparse": (((0, 4, "r"), (10, 3, "r")), ((0, 3, "r"), (6, 6, "r"))),
}
COMP_PATTERNS = (
    ((0, 16),), ((0, 8), (8, 8)), ((0, 4), (4, 4), (8, 4), (12, 4)),
    tuple((s, 2) for s in range(0, 16, 2)), ((2, 2), (6, 2), (10, 2), (14, 2)),
    ((0, 3), (3, 3), (6, 4), (10, 3), (13, 3)), ((4, 3), (12, 3)), ((0, 6), (6, 6), (12, 4)),
    ((0, 2), (3, 2), (6, 2), (8, 2), (11, 2), (14, 2)), tuple((s, 1) for s in range(0, 16)),
)
MELODY_RHYTHMS = (
    # onset and length in steps over two bars; the end is left free to breathe
    ((0, 4), (4, 4), (8, 4), (12, 4), (16, 8)),
    ((0, 2), (2, 2), (4, 4), (8, 2), (10, 2), (12, 4), (16, 10)),
    ((2, 2), (4, 2), (6, 2), (8, 4), (12, 2), (14, 2), (16, 4), (20, 6)),
    ((0, 3), (3, 3), (6, 2), (8, 6), (16, 3), (19, 3), (22, 4)),
    ((0, 6), (6, 2), (8, 8), (16, 6), (22, 2), (24, 4)),
    ((4, 2), (6, 2), (8, 2), (10, 2), (12, 4), (16, 2), (18, 2), (20, 8)),
    ((0, 8), (8, 8), (16, 12)), ((0, 12), (12, 4), (16, 12)),
    ((0, 2), (2, 2), (4, 2), (6, 2), (8, 2), (10, 2), (12, 2), (14, 2), (16, 2), (18, 2), (20, 6)),
    ((2, 4), (6, 4), (10, 6), (18, 4), (22, 6)),
)
RAP_RHYTHMS = (
    tuple((s, 2) for s in range(0, 28, 2)),
    tuple((s, 1) for s in (0, 1, 2, 3)) + tuple((s, 2) for s in range(4, 28, 2)),
    tuple((s, 2) for s in (0, 2, 4, 7, 9, 11, 13, 16, 18, 20, 23, 25)),
)
