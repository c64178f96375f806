// The parts of minikv, each by itself. bench/README.md says what each benchmark measures.
#include "bench/support/program.h"

int main(int argc, char** argv) { return minikv::bench::run_program(argc, argv, "micro"); }
