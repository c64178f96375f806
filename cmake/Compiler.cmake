# One interface target with the warnings, definitions and sanitizers that all of our own code is built with.
add_library(minikv_compiler INTERFACE)
target_compile_definitions(minikv_compiler INTERFACE MINIKV_VERSION="${PROJECT_VERSION}")
target_compile_options(minikv_compiler INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Wold-style-cast
  -Woverloaded-virtual -Wimplicit-fallthrough
  -Wno-missing-field-initializers  # GCC 12 means designated initializers, which name what differs from the default
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety -Wthread-safety-beta>)
if(MINIKV_WERROR)
  target_compile_options(minikv_compiler INTERFACE -Werror)
endif()

# Asserts are on everywhere but in Release, the standard library's own among them; Release has the usual hardening of
# a program that listens on a network instead.
target_compile_definitions(minikv_compiler INTERFACE
  $<IF:$<CONFIG:Release>,_FORTIFY_SOURCE=2,_GLIBCXX_ASSERTIONS>)
target_compile_options(minikv_compiler INTERFACE $<$<CONFIG:Release>:-fstack-protector-strong>)
target_link_options(minikv_compiler INTERFACE $<$<CONFIG:Release>:LINKER:-z,relro,-z,now>)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

if(MINIKV_SANITIZE)
  target_compile_options(minikv_compiler INTERFACE -fsanitize=${MINIKV_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  target_link_options(minikv_compiler INTERFACE -fsanitize=${MINIKV_SANITIZE})
  if(MINIKV_SANITIZE MATCHES undefined)
    # This check opens a pipe to look at memory, and takes a process without descriptors for a wrong object.
    target_compile_options(minikv_compiler INTERFACE -fno-sanitize=vptr)
  endif()
endif()
