// The files of the page as they lie in ../page; in C for the reason that COpenAPI gives. A name that is missing here is missing in the
// page: a test compares the list with the folder.

#include "CStudioPage.h"

#include <stddef.h>

#pragma clang diagnostic ignored "-Wc23-extensions"

static const studio_page_file_t files[] = {
    {"ask.js", (const char[]){
#embed "../page/ask.js" suffix(, 0)
    }},
    {"drop.js", (const char[]){
#embed "../page/drop.js" suffix(, 0)
    }},
    {"element.js", (const char[]){
#embed "../page/element.js" suffix(, 0)
    }},
    {"icon.svg", (const char[]){
#embed "../page/icon.svg" suffix(, 0)
    }},
    {"index.html", (const char[]){
#embed "../page/index.html" suffix(, 0)
    }},
    {"lanes.js", (const char[]){
#embed "../page/lanes.js" suffix(, 0)
    }},
    {"library.js", (const char[]){
#embed "../page/library.js" suffix(, 0)
    }},
    {"loudness.js", (const char[]){
#embed "../page/loudness.js" suffix(, 0)
    }},
    {"options.js", (const char[]){
#embed "../page/options.js" suffix(, 0)
    }},
    {"peaks.js", (const char[]){
#embed "../page/peaks.js" suffix(, 0)
    }},
    {"playback.js", (const char[]){
#embed "../page/playback.js" suffix(, 0)
    }},
    {"player.css", (const char[]){
#embed "../page/player.css" suffix(, 0)
    }},
    {"player.js", (const char[]){
#embed "../page/player.js" suffix(, 0)
    }},
    {"progress.js", (const char[]){
#embed "../page/progress.js" suffix(, 0)
    }},
    {"service.js", (const char[]){
#embed "../page/service.js" suffix(, 0)
    }},
    {"share.js", (const char[]){
#embed "../page/share.js" suffix(, 0)
    }},
    {"sign-in.js", (const char[]){
#embed "../page/sign-in.js" suffix(, 0)
    }},
    {"song.js", (const char[]){
#embed "../page/song.js" suffix(, 0)
    }},
    {"strip.js", (const char[]){
#embed "../page/strip.js" suffix(, 0)
    }},
    {"studio.css", (const char[]){
#embed "../page/studio.css" suffix(, 0)
    }},
    {"studio.js", (const char[]){
#embed "../page/studio.js" suffix(, 0)
    }},
    {"take-away.js", (const char[]){
#embed "../page/take-away.js" suffix(, 0)
    }},
    {"uploads.js", (const char[]){
#embed "../page/uploads.js" suffix(, 0)
    }},
    {"wave-file.js", (const char[]){
#embed "../page/wave-file.js" suffix(, 0)
    }},
    {"waveform.js", (const char[]){
#embed "../page/waveform.js" suffix(, 0)
    }},
    {NULL, NULL},
};

const studio_page_file_t *studio_page_file(unsigned long index) {
    return index < sizeof files / sizeof *files - 1 ? &files[index] : NULL;
}
