# find_package(pyreload CONFIG) -> pyreload::pyreload, and pyreload::static where
# the archive was installed. Neither brings a Python: the program links its own,
#
#   find_package(Python3 REQUIRED COMPONENTS Development.Embed)
#   target_link_libraries(program PRIVATE pyreload::pyreload Python3::Python)

get_filename_component(_pyreload_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

if(NOT TARGET pyreload::pyreload)
  add_library(pyreload::pyreload SHARED IMPORTED)
  set_target_properties(pyreload::pyreload PROPERTIES
    IMPORTED_LOCATION "${_pyreload_prefix}/lib/libpyreload.so.@VERSION@"
    IMPORTED_SONAME "libpyreload.so.@SOVERSION@"
    INTERFACE_INCLUDE_DIRECTORIES "${_pyreload_prefix}/include")
endif()

if(NOT TARGET pyreload::static AND EXISTS "${_pyreload_prefix}/lib/libpyreload.a")
  add_library(pyreload::static STATIC IMPORTED)
  set_target_properties(pyreload::static PROPERTIES
    IMPORTED_LOCATION "${_pyreload_prefix}/lib/libpyreload.a"
    INTERFACE_COMPILE_DEFINITIONS PYRELOAD_STATIC
    INTERFACE_INCLUDE_DIRECTORIES "${_pyreload_prefix}/include"
    INTERFACE_LINK_LIBRARIES "gcc_s;util;rt;pthread;m;dl;c")
endif()

unset(_pyreload_prefix)
