// In C, which takes a file in as it is: SwiftPM would make a Swift array literal of it, whose compilation takes 10 seconds.

#include "COpenAPI.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char document[] = {
#embed "openapi.yaml"
};

const unsigned char *openapi_document(unsigned long *length) {
    *length = sizeof document;
    return document;
}
