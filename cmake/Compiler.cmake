# One interface target with the warnings, definitions and sanitizers that all of our own code is built with.
add_library(minikv_compiler INTERFACE)
target_compile_definitions(minikv_compiler INTERFACE MINIKV_VERSION="${PROJECT_VERSION}")
target_compile_options(minikv_compiler INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Wold-style-cast
  -Woverloaded-virtual -Wimplicit-fallthrough
  -Wno-missing-field-initializers  # GCC 12 means designated initializers, which name what differs from the default
  # GCC judges our own use of what is deprecated; clang also reports that of the standard library by itself.
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety -Wthread-safety-beta -Wno-deprecated-declarations>
  # Where many files are compiled as one, GCC takes them for headers, in which an anonymous namespace would be a mistake.
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<BOOL:${CMAKE_UNITY_BUILD}>>:-Wno-subobject-linkage>)
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
    target_compile_options(minikv_compiler INTERFACE
      $<$<CXX_COMPILER_ID:Clang>:-fsanitize-ignorelist=${PROJECT_SOURCE_DIR}/cmake/sanitizer-ignorelist.txt>)
  endif()
endif()

# minikv_compile_quickly(TARGET): without optimization in the sanitizers' builds. Optimizing what the sanitizers add takes
# two thirds of the time of compiling, which is well spent on what computes (the engine, the parsers, the simulated disk)
# and not on what mostly waits for clients and disks. The later option of two counts.
function(minikv_compile_quickly target)
  if(MINIKV_SANITIZE)
    target_compile_options(${target} PRIVATE -O0)
  endif()
endfunction()
