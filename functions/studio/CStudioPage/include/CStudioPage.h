#pragma once

/// A file of the page: its name, and its text, which ends with a zero.
typedef struct {
    const char *name;
    const char *text;
} studio_page_file_t;

/// The file of this number; null behind the last one.
const studio_page_file_t *studio_page_file(unsigned long index);
