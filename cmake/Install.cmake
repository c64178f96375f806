# What goes where: `runtime` is the server and its client, `dev` the embeddable library.
include(CMakePackageConfigHelpers)

# ---- runtime: the programs are installed by their own folders ----
file(GLOB manuals CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/man/*.[1-8])
foreach(manual IN LISTS manuals)
  string(REGEX MATCH "[1-8]$" section ${manual})
  install(FILES ${manual} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()
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
install(FILES ${PROJECT_BINARY_DIR}/minikv-config.cmake ${PROJECT_BINARY_DIR}/minikv-config-version.cmake
  DESTINATION ${package_dir} COMPONENT dev)
