# Debian ships neither CAFConfig.cmake nor a .pc file (pkg-config caf is Coarray Fortran).
find_path(CAF_INCLUDE_DIR caf/actor_system.hpp)
if(CAF_INCLUDE_DIR)  # "#define CAF_VERSION 1706" is 0.17.6
  file(STRINGS "${CAF_INCLUDE_DIR}/caf/config.hpp" _caf_line REGEX "^#define CAF_VERSION [0-9]+")
  string(REGEX REPLACE "[^0-9]*([0-9]+)$" "\\1" _caf_number "${_caf_line}")
  math(EXPR _caf_major "${_caf_number}/10000")
  math(EXPR _caf_minor "(${_caf_number}/100)%100")
  math(EXPR _caf_patch "${_caf_number}%100")
  set(CAF_VERSION "${_caf_major}.${_caf_minor}.${_caf_patch}")
endif()
find_package(Threads REQUIRED)
find_library(CAF_core_LIBRARY caf_core)
if(CAF_core_LIBRARY)
  set(CAF_core_FOUND TRUE)
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(CAF
  REQUIRED_VARS CAF_core_LIBRARY CAF_INCLUDE_DIR VERSION_VAR CAF_VERSION HANDLE_COMPONENTS)
if(CAF_FOUND AND NOT TARGET CAF::core)
  add_library(CAF::core UNKNOWN IMPORTED)
  set_target_properties(CAF::core PROPERTIES
    IMPORTED_LOCATION "${CAF_core_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${CAF_INCLUDE_DIR}"
    INTERFACE_LINK_LIBRARIES Threads::Threads)
endif()
