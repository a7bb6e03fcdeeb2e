#pragma once
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/channel_layout.h>
#include <libavutil/dict.h>
#include <libavutil/mem.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>

// Macros that Swift cannot see.

/// There is nothing more to read.
static inline int ffmpeg_end_of_file(void) { return AVERROR_EOF; }
/// The bytes are not what they claim to be.
static inline int ffmpeg_invalid_data(void) { return AVERROR_INVALIDDATA; }
/// The flag for muxers and codecs that want headers in one place.
static inline int ffmpeg_global_header(void) { return AV_CODEC_FLAG_GLOBAL_HEADER; }
/// The flag for the same bytes every time, whichever version of the libraries is at work.
static inline int ffmpeg_bit_exact(void) { return AV_CODEC_FLAG_BITEXACT; }
/// The flag for codecs that are told a quality instead of a bit rate.
static inline int ffmpeg_constant_quality(void) { return AV_CODEC_FLAG_QSCALE; }
