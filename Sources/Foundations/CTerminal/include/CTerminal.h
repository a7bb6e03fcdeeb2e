#pragma once

/// Opens /dev/null for each of the descriptors 0, 1 and 2 that the process was started without. Runs by itself before `main`: what
/// is opened first would otherwise take such a number and get what is said. In C, since Swift's runtime has opened descriptors of its
/// own when the first line of a program in Swift runs.
void MSOpenStandardStreams(void);
