# install: libraries, public headers and the package that find_package(libstream) finds.
include(CMakePackageConfigHelpers)

set(libstream_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/libstream)
install(
  TARGETS libstream libstream_actors libstream_checkpoint libstream_core libstream_operators
    libstream_testing
  EXPORT libstreamTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(
  EXPORT libstreamTargets NAMESPACE libstream:: DESTINATION ${libstream_package_dir})
configure_package_config_file(
  ${CMAKE_CURRENT_LIST_DIR}/libstreamConfig.cmake.in
  ${CMAKE_BINARY_DIR}/libstreamConfig.cmake
  INSTALL_DESTINATION ${libstream_package_dir}
  NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(
  ${CMAKE_BINARY_DIR}/libstreamConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(
  FILES ${CMAKE_BINARY_DIR}/libstreamConfig.cmake
        ${CMAKE_BINARY_DIR}/libstreamConfigVersion.cmake
        ${CMAKE_CURRENT_LIST_DIR}/FindCAF.cmake
  DESTINATION ${libstream_package_dir})
