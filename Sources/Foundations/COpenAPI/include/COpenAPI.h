#pragma once

/// The bytes of openapi.yaml, and how many there are.
const unsigned char *openapi_document(unsigned long *length);
