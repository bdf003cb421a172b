#pragma once

/// Catch with its usual command line; the exit status.
int run_tests(int argc, char** argv);
