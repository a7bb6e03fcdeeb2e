#include "CTerminal.h"

#include <fcntl.h>

__attribute__((constructor)) void MSOpenStandardStreams(void) {
    for (int descriptor = 0; descriptor <= 2; descriptor++) {
        // The lowest free number is this one.
        if (fcntl(descriptor, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0) return;
    }
}
