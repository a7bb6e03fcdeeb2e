/// Which of FFmpeg's formats and codecs may meet what strangers send: those that audio comes in. Playlists, lists of files,
/// devices, subtitles, pictures, trackers and emulators of game machines are left out, and so is every codec for pictures.
///
/// The names are FFmpeg's own; one that this system's build does not have is without effect.
enum MediaFormats {
    /// Containers and bare streams.
    static let containers: Set<String> = [
        "aac", "ac3", "eac3", "aiff", "amr", "amrnb", "amrwb", "ape", "asf", "ast", "au", "avi", "caf", "dsf", "dts",
        "dtshd",
        "flac", "flv", "iff", "ircam", "loas", "matroska,webm", "mlp", "mov,mp4,m4a,3gp,3g2,mj2", "mpc", "mpc8", "mpeg",
        "mpegts", "mxf", "nistsphere", "nut", "ogg", "oma", "pvf", "qcp", "rm", "rso", "shn", "sox", "spdif", "tak",
        "truehd",
        "tta", "voc", "vqf", "w64", "wav", "wsd", "wv", "xwma",
    ]

    /// Decoders.
    static let codecs = """
        aac,aac_fixed,aac_latm,ac3,ac3_fixed,eac3,alac,als,mp4als,amrnb,amrwb,ape,atrac1,atrac3,atrac3al,atrac3p,atrac3pal,\
        cook,dca,dst,dsd_lsbf,dsd_lsbf_planar,dsd_msbf,dsd_msbf_planar,flac,gsm,gsm_ms,iac,imc,mace3,mace6,mlp,\
        mp1float,mp2float,mp3float,mp1,mp2,mp3,mp3adufloat,mp3on4float,mpc7,mpc8,nellymoser,opus,qcelp,qdm2,qdmc,\
        ra_144,ra_288,ralf,shorten,sipr,speex,tak,truehd,truespeech,tta,twinvq,vorbis,wavpack,wmalossless,wmapro,wmav1,wmav2,\
        wmavoice,xma1,xma2,8svx_exp,8svx_fib,\
        adpcm_4xm,adpcm_ct,adpcm_g722,adpcm_g726,adpcm_g726le,adpcm_ima_dk3,adpcm_ima_dk4,adpcm_ima_qt,adpcm_ima_wav,adpcm_ms,\
        adpcm_sbpro_2,adpcm_sbpro_3,adpcm_sbpro_4,adpcm_swf,adpcm_yamaha,\
        pcm_alaw,pcm_bluray,pcm_dvd,pcm_f16le,pcm_f24le,pcm_f32be,pcm_f32le,pcm_f64be,pcm_f64le,pcm_mulaw,pcm_s16be,\
        pcm_s16be_planar,pcm_s16le,pcm_s16le_planar,pcm_s24be,pcm_s24le,pcm_s24le_planar,pcm_s32be,pcm_s32le,pcm_s32le_planar,\
        pcm_s64be,pcm_s64le,pcm_s8,pcm_s8_planar,pcm_u16be,pcm_u16le,pcm_u24be,pcm_u24le,pcm_u32be,pcm_u32le,pcm_u8,pcm_vidc
        """
}
