# Warnings, instruction set, sanitizers and helpers that every target of ours uses.
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()
find_program(MOLD_PROGRAM mold)
if(MOLD_PROGRAM)
  add_link_options(-fuse-ld=mold)
endif()

add_library(libstream_compiler INTERFACE)
target_compile_options(libstream_compiler INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror
  -fstack-protector-strong)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 sees overlaps in std::string operator+ that are none (GCC bug 105651).
  target_compile_options(libstream_compiler INTERFACE -Wno-restrict)
endif()
if(LIBSTREAM_ARCH)
  target_compile_options(libstream_compiler INTERFACE -march=${LIBSTREAM_ARCH})
endif()
if(LIBSTREAM_SANITIZE)
  # CAF's init_fun_factory.hpp trips the null check of UBSan.
  add_compile_options(-fsanitize=${LIBSTREAM_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${LIBSTREAM_SANITIZE})
  if(LIBSTREAM_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize=null -fno-sanitize-recover=undefined)
  endif()
endif()
