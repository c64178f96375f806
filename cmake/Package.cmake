# Debian packages, made by `./dev package`: `minikv` with the programs, `libminikv-dev` with the library.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME minikv)
# The first line of a description is its summary; CPack indents the others.
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")
set(CPACK_PACKAGE_CONTACT "${MINIKV_PACKAGE_CONTACT}")
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/package)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL runtime dev)
set(CPACK_COMPONENTS_GROUPING IGNORE)

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)

set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME minikv)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION database)
set(CPACK_DEBIAN_RUNTIME_DESCRIPTION
"durable key-value server that Redis clients speak to
minikvd keeps every key in memory and every value on disk, in append-only
files. A write is on disk before it is acknowledged, and writes that arrive
together share one sync. What was damaged on disk is an error for its key,
never an older value and never a missing key.

On one port it answers netcat and telnet, a line a request, and every Redis
client, with strings and keys, expiry, transactions and compare-and-set.

This package has the server, its tools for damaged stores, its client minikv
and a unit for systemd, which is not started by itself.")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA
  ${PROJECT_SOURCE_DIR}/cmake/debian/conffiles
  ${PROJECT_SOURCE_DIR}/cmake/debian/postinst
  ${PROJECT_SOURCE_DIR}/cmake/debian/prerm
  ${PROJECT_SOURCE_DIR}/cmake/debian/postrm)

set(CPACK_DEBIAN_DEV_PACKAGE_NAME libminikv-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_DESCRIPTION
"durable key-value store as a C++ library
The storage engine of minikvd, for programs that keep their data in process:
append-only files, an index in memory, group commit, compaction, expiry and
transactions.

This package has the header files, the static library, and what CMake's
find_package(minikv) needs.")
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "libfmt-dev, libabsl-dev, libisal-dev, pkg-config")
include(CPack)
