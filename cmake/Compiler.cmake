# One interface target with the warnings and sanitizers that all of our own code is built with.
add_library(minikv_compiler INTERFACE)
target_compile_options(minikv_compiler INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Wold-style-cast
  -Woverloaded-virtual -Wimplicit-fallthrough
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety -Wthread-safety-beta>)
if(MINIKV_WERROR)
  target_compile_options(minikv_compiler INTERFACE -Werror)
endif()
if(MINIKV_SANITIZE)
  target_compile_options(minikv_compiler INTERFACE -fsanitize=${MINIKV_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  target_link_options(minikv_compiler INTERFACE -fsanitize=${MINIKV_SANITIZE})
endif()
