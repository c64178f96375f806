# Debian packages, made by `./dev package`: `minikv` with the programs, `libminikv-dev` with the library.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME minikv)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "durable key-value server")
set(CPACK_PACKAGE_CONTACT "minikv contributors <minikv@localhost>")
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
  "Keeps every acknowledged write on disk and answers netcat, its own client and every Redis client on one port.")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA
  ${PROJECT_SOURCE_DIR}/cmake/debian/conffiles
  ${PROJECT_SOURCE_DIR}/cmake/debian/postinst
  ${PROJECT_SOURCE_DIR}/cmake/debian/prerm
  ${PROJECT_SOURCE_DIR}/cmake/debian/postrm)

set(CPACK_DEBIAN_DEV_PACKAGE_NAME libminikv-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_DESCRIPTION "The storage engine as a C++ library, for programs that keep their data in process.")
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "libfmt-dev, libabsl-dev, libisal-dev, pkg-config")
include(CPack)
