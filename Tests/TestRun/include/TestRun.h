#pragma once

/// The folder of this test run: everything temporary lies in it, and it goes with the run.
const char *test_run_folder(void);
