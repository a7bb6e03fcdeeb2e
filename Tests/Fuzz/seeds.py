"""Writes the first inputs of every fuzzer into Tests/Fuzz/Corpus. Needs sox and lame.

    python3 Tests/Fuzz/seeds.py
"""

import json
import pathlib
import struct
import subprocess
import tempfile
import zipfile

here = pathlib.Path(__file__).parent
tests = here.parent
checkpoints = tests / "CheckpointsTests" / "Fixtures"


def seed(target, name, data):
    folder = here / "Corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())


def checkpoint_seeds():
    for file in checkpoints.glob("*.th"):
        if file.stat().st_size < 8192:
            seed("torch", file.name, file.read_bytes())
        if not zipfile.is_zipfile(file):
            continue
        with zipfile.ZipFile(file) as archive:
            for record in archive.namelist():
                if record.endswith("data.pkl") and archive.getinfo(record).file_size < 8192:
                    seed("pickle", file.stem, archive.read(record))
    for file in checkpoints.glob("*.safetensors"):
        data = file.read_bytes()
        length = struct.unpack("<Q", data[:8])[0]
        if length < 4096:
            seed("safetensors", file.stem, data[8 : 8 + length])
    seed("arguments", "usual", json.dumps({"channels": 8, "growth": 2, "nfft": 256, "depth": 2, "segment": 1.5,
        "t_layers": 1, "t_heads": 2, "t_hidden_scale": 4.0, "dconv_comp": 4, "samplerate": 8000}))
    seed("arguments", "huge", json.dumps({"growth": 1e300, "segment": {"_type": "fraction", "numerator": 1 << 39,
        "denominator": 1}, "samplerate": 1 << 62, "audio_channels": 1 << 62, "t_hidden_scale": 1e300, "dconv_comp": 1e-300}))
    seed("bag", "plain", "models: [955717e8]\n")
    seed("bag", "weights", "models: ['f7e0c4bc', 'd12395a8']\nweights: [[1., 0.], [0., 1.e+0]]\nsegment: 44\n")
    seed("bag", "anchors", "models: &m [a]\nweights: [[1, 1]]\n<<: *m\nsegment: .inf\n")


def media_seeds():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        tone = ["-f", "lavfi", "-i", "sine=440:r=8000:d=0.15"]
        for name, flags in {
            "aac.m4a": "-c:a aac", "alac.m4a": "-c:a alac", "reference.mov": "-c:a pcm_s16be", "opus.webm": "-c:a libopus -ar 48000",
            "vorbis.mkv": "-c:a libvorbis", "adts.aac": "-c:a aac", "wma.wma": "-c:a wmav2", "ac3.ac3": "-c:a ac3 -ar 32000",
            "wv.wv": "", "tta.tta": "", "caf.caf": "-c:a pcm_s16be", "w64.w64": "", "rf64.wav": "-rf64 always",
            "avi.avi": "-c:a pcm_s16le", "flv.flv": "-c:a aac -ar 11025", "ts.ts": "-c:a mp2 -ar 16000", "opus.opus": "-c:a libopus -ar 48000",
            "six.wav": "-ac 6", "flac.oga": "-c:a flac -f ogg", "adpcm.wav": "-c:a adpcm_ms", "riff-mp3.wav": "-c:a libmp3lame",
        }.items():
            subprocess.run(["ffmpeg", "-v", "error", "-y", *tone, "-bitexact", *flags.split(), folder / name], check=True)
            data = (folder / name).read_bytes()
            if len(data) < 16384:
                seed("media", name, data)
        one = (folder / "opus.opus").read_bytes()
        seed("media", "chain.opus", one + one)


def audio_seeds():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        tone = ["synth", "0.15", "sine", "440", "vol", "0.3"]
        for name in ["8bit.wav", "16bit.wav", "float.wav", "16bit.aiff", "16bit.flac", "vorbis.ogg", "au.au"]:
            bits = {"8bit": ["-b", "8"], "float": ["-e", "floating-point", "-b", "32"]}.get(name.split(".")[0], [])
            subprocess.run(["sox", "-D", "-R", "-n", "-r", "8000", "-c", "2", *bits, folder / name, *tone], check=True)
            seed("sound-file", name, (folder / name).read_bytes())
        wav = folder / "16bit.wav"
        # What a header announces may be anything: RF64 of 1 Hz, with lengths up to 2^64 - 1.
        for announced in (5, 2**62, 2**63 - 1, 2**64 - 1):
            fmt = struct.pack("<HHIIHH", 1, 1, 1, 1, 1, 8)
            seed("sound-file", f"rf64-{announced:x}.wav", b"RF64" + b"\xff" * 4 + b"WAVEds64" + struct.pack(
                "<IQQQI", 28, announced, announced, announced, 0) + b"fmt " + struct.pack("<I", 16) + fmt + b"data"
                + b"\xff" * 4 + b"\x90" * 4)
        for name, flags in {
            "cbr.mp3": ["-b", "32"], "vbr.mp3": ["-V", "6"], "tagged.mp3": ["-b", "32", "--tt", "T", "--add-id3v2"],
            "free.mp3": ["--freeformat", "-b", "40"], "crc.mp3": ["-p", "-b", "32"], "bare.mp3": ["-t", "-b", "24"],
        }.items():
            subprocess.run(["lame", "--quiet", *flags, wav, folder / name], check=True)
            seed("mp3", name, (folder / name).read_bytes())


def web_seeds():
    part = 'Content-Disposition: form-data; name="file"; filename="a.mp3"; filename*=UTF-8\'\'%C3%A9.mp3\r\n'
    form = f'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nstarter\r\n--b \r\n{part}\r\n\r\n--bad\r\n--b--\r\n'
    for cut in (0, 64, 128, 200):
        seed("multipart", f"form-{cut}", bytes([cut]) + form.encode())
    seed("xml", "error", "<?xml version='1.0'?><Error><Code>NoSuchKey</Code><Message>a &amp; b</Message></Error>")
    seed("xml", "delete", '<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Object><Key>a&#xA;</Key></Object></Delete>')
    seed("xml", "bomb", '<!DOCTYPE a [<!ENTITY b "bbbb">]><a>&b;</a>')
    seed("xml", "deep", "<a>" * 40)
    seed("xml", "cdata", "<a:b xmlns:a='u'><![CDATA[<x>]]><!-- c --><?p i?>&#128512;</a:b>")
    for file in (tests / "StorageServerTests" / "Fixtures").glob("*.http"):
        body = file.read_bytes().replace(b"\r\n", b"\n").split(b"\n\n")[-1]
        if body.startswith(b"<"):
            seed("xml", file.stem, body)
    minio = (tests / "ObjectStorageTests" / "Fixtures" / "minio-event.json").read_bytes()
    record = json.loads(minio)["Records"][0]
    seed("events", "minio", b"\0" + minio)
    seed("events", "binary", b"\1" + json.dumps(record).encode())
    cloud = {"specversion": "1.0", "type": "t", "source": "s", "id": "1", "data": record["s3"], "subject": "queue/a"}
    seed("events", "structured", b"\2" + json.dumps(cloud).encode())
    seed("events", "batch", b"\4" + json.dumps([cloud]).encode())
    seed("events", "base64", b"\2" + json.dumps({**cloud, "data": None, "data_base64": "e30="}).encode())
    seed("events", "direct", b'\0{"bucket":"queue","key":"a.mp3","options":{"shifts":2,"overlap":0.5,"model":"x"}}')
    seed("events", "bridge", b'\0{"detail-type":"Object Created","source":"aws.s3","detail":{"bucket":{"name":"q"},"object":{"key":"k","size":5}}}')
    for index, text in enumerate(
        ["bytes=0-499", 'W/"a", "b"', "form-data; name=\"f\"; filename*=UTF-8''%41", "/fetch/a%2Fb?x=1&y=%20+", "é\"\r\n.mp3",
         "..\\..//ev il\0.mp3", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "a=b&c=%zz&&d"]):
        seed("headers", f"kind-{index}", bytes([index]) + text.encode())
    seed("redis", "many", "+OK\r\n:-12\r\n$5\r\nhello\r\n$-1\r\n*2\r\n$1\r\na\r\n*-1\r\n")
    seed("redis", "error", "*3\r\n:1\r\n*1\r\n+x\r\n-ERR Error running script: -OOM command\r\n")
    seed("keys", "two", f"- name: studio\n  sha256: {'5e' * 32}\n- {{name: b, sha256: {'0a' * 32}, rate: 20/s}}\n")
    seed("options", "all", "model=starter\ntwo-stems=vocals\nother_method=minus\nformat=flac\nbitrate=320\nmp3-preset=2\nshifts=1\n"
        "overlap=0.25\nclip_mode=rescale\nauthor=x")
    for kind in "hpn":
        seed("s3-requests", kind, f"{kind}\nPUT\n/queue/a%2Fb%20c.mp3?x=1&uploads=\nx-amz-meta-title: a  b\ncontent-type: audio/mpeg\ncontent-length: 5")
    for first in range(6):
        seed("signed-bodies", f"kind-{first}", bytes([first, first, first, 7 * first, first, 9]) + b"abcdefghij" * 12)
    seed("chunks", "signed", "3;chunk-signature=ab\r\nabc\r\n0;chunk-signature=cd\r\nx-amz-a: b \r\nc:d\r\n\r\n")
    seed("chunks", "plain", "a\r\n0123456789\r\n0\r\n\r\n")


checkpoint_seeds()
audio_seeds()
media_seeds()
web_seeds()
