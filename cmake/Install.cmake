# What goes where: `runtime` is the server and its client, `dev` the embeddable library.
include(CMakePackageConfigHelpers)

# Makes NAME.gz of a file when the build is configured, which it is again when the file changes, and puts its path into
# `result`. Without its time, so that the same sources give the same package.
find_program(MINIKV_GZIP gzip REQUIRED)
function(minikv_compress file result)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  get_filename_component(name ${file} NAME)
  set(compressed ${PROJECT_BINARY_DIR}/compressed/${name}.gz)
  file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/compressed)
  execute_process(COMMAND ${MINIKV_GZIP} -9nc ${file} OUTPUT_FILE ${compressed} COMMAND_ERROR_IS_FATAL ANY)
  set(${result} ${compressed} PARENT_SCOPE)
endfunction()

# What Debian wants of each package: who may do what with it, and what changed (in its own format; CHANGELOG.md has it).
# The time is that of SOURCE_DATE_EPOCH, if that is set.
function(minikv_install_debian_docs package component)
  string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)
  set(changelog ${PROJECT_BINARY_DIR}/debian/${package}/changelog)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/debian/changelog.in ${changelog} @ONLY)
  execute_process(COMMAND ${MINIKV_GZIP} -9nf ${changelog} COMMAND_ERROR_IS_FATAL ANY)
  install(FILES ${changelog}.gz ${PROJECT_SOURCE_DIR}/cmake/debian/copyright
    DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${package} COMPONENT ${component})
endfunction()

# ---- runtime: the programs are installed by their own folders ----
file(GLOB manuals CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/man/*.[1-8])
foreach(manual IN LISTS manuals)
  string(REGEX MATCH "[1-8]$" section ${manual})
  minikv_compress(${manual} compressed)
  install(FILES ${compressed} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()
# What messages and the sample configuration refer to.
foreach(document OPERATIONS CONFIGURATION PROTOCOL COMPATIBILITY)
  install(FILES ${PROJECT_SOURCE_DIR}/docs/${document}.md DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/minikv)
endforeach()
minikv_install_debian_docs(minikv runtime)
install(FILES ${PROJECT_SOURCE_DIR}/conf/minikv.json DESTINATION ${CMAKE_INSTALL_SYSCONFDIR}/minikv)
install(FILES ${PROJECT_SOURCE_DIR}/conf/minikvd.service DESTINATION lib/systemd/system)
install(FILES ${PROJECT_SOURCE_DIR}/conf/minikvd.sysusers DESTINATION lib/sysusers.d RENAME minikvd.conf)

# ---- dev: find_package(minikv), then link to minikv::engine ----
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/minikv)
set_target_properties(minikv_engine PROPERTIES EXPORT_NAME engine)
install(TARGETS minikv_engine EXPORT minikv-targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/engine/include/minikv DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  COMPONENT dev FILES_MATCHING PATTERN "*.h")
install(EXPORT minikv-targets NAMESPACE minikv:: DESTINATION ${package_dir} COMPONENT dev)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/minikv-config.cmake.in
  ${PROJECT_BINARY_DIR}/minikv-config.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/minikv-config-version.cmake COMPATIBILITY SameMinorVersion)
minikv_install_debian_docs(libminikv-dev dev)
install(FILES ${PROJECT_BINARY_DIR}/minikv-config.cmake ${PROJECT_BINARY_DIR}/minikv-config-version.cmake
  DESTINATION ${package_dir} COMPONENT dev)
