# The engine, as the target paddle_lite; where there is none to be found, configuring fails and says so.
#
# For phones: -DPADDLE_LITE_DIR=<folder of an unpacked official C++ release>, with cxx/include and cxx/lib.
# Gradle has one list of options for all ABIs: -DPADDLE_LITE_SDKS=<folder with such a folder for each ABI>.
# For this host: the engine inside the paddlelite wheel, through the declarations in host_sdk/. Which wheel is
# asked of PADDLELITE_PYTHON (WheelPython.cmake); -DPADDLELITE_WHEEL=<folder with lite.so> names another.
set(PADDLE_LITE_DIR "" CACHE PATH "Unpacked official C++ release of Paddle Lite")
set(PADDLE_LITE_SDKS "" CACHE PATH "Folder with an unpacked official C++ release for each of Android's ABIs")
if(PADDLE_LITE_SDKS AND ANDROID_ABI AND NOT PADDLE_LITE_DIR)
  set(PADDLE_LITE_DIR "${PADDLE_LITE_SDKS}/${ANDROID_ABI}")
endif()
set(PADDLE_LITE_VERSION "" CACHE STRING "opt version the engine reads, such as v2.13-rc; empty: ask the engine")
set(PADDLELITE_WHEEL "" CACHE PATH "Folder of the paddlelite wheel's lite.so")

function(deit_no_engine why)
  message(FATAL_ERROR "no engine: ${why}. Give -DPADDLE_LITE_DIR=<C++ release>; on x86_64 Linux, run run.sh once, or set "
    "DEIT_LITE_VENV or -DPADDLELITE_PYTHON to an environment with paddlelite; or build only what needs no engine with "
    "-DDEIT_ENGINE=OFF")
endfunction()

# The official release for an ABI.
function(deit_official_engine)
  set(library "${PADDLE_LITE_DIR}/cxx/lib/libpaddle_light_api_shared.so")
  foreach(file IN ITEMS "${PADDLE_LITE_DIR}/cxx/include/paddle_api.h" "${library}")
    if(NOT EXISTS "${file}")
      message(FATAL_ERROR "PADDLE_LITE_DIR is no Paddle Lite C++ release: ${file} is missing")
    endif()
  endforeach()
  add_library(paddle_lite SHARED IMPORTED GLOBAL)
  set_target_properties(paddle_lite PROPERTIES
    IMPORTED_LOCATION "${library}"
    IMPORTED_NO_SONAME TRUE
    INTERFACE_INCLUDE_DIRECTORIES "${PADDLE_LITE_DIR}/cxx/include")
endfunction()

# The wheel's lite.so under the name that it has for the loader, beside the libraries that it looks for in
# libs/, and the Python library that its bindings need.
function(deit_wheel_engine)
  deit_ask_python(paddlelite wheel libpython)
  if(NOT wheel)
    deit_no_engine("${PADDLELITE_PYTHON} has no paddlelite")
  endif()
  if(PADDLELITE_WHEEL)
    set(wheel "${PADDLELITE_WHEEL}")
  endif()
  foreach(file IN ITEMS "${wheel}/lite.so" "${wheel}/libs")
    if(NOT EXISTS "${file}")
      message(FATAL_ERROR "no paddlelite wheel: ${file} is missing")
    endif()
  endforeach()
  if(NOT libpython MATCHES "\\.so$" OR NOT EXISTS "${libpython}")
    message(FATAL_ERROR "${PADDLELITE_PYTHON} has no shared library of Python (${libpython}), which the wheel's "
      "lite.so needs; use a CPython 3.10 that has one ('uv python install 3.10' does)")
  endif()
  set(engine "${CMAKE_CURRENT_BINARY_DIR}/engine")
  file(MAKE_DIRECTORY "${engine}")
  file(CREATE_LINK "${wheel}/lite.so" "${engine}/liblite_pybind.so" SYMBOLIC)
  file(CREATE_LINK "${wheel}/libs" "${engine}/libs" SYMBOLIC)
  add_library(paddle_lite SHARED IMPORTED GLOBAL)
  set_target_properties(paddle_lite PROPERTIES
    IMPORTED_LOCATION "${engine}/liblite_pybind.so"
    INTERFACE_INCLUDE_DIRECTORIES "${CMAKE_CURRENT_SOURCE_DIR}/host_sdk"
    INTERFACE_LINK_LIBRARIES "${libpython};${engine}/libs/libmklml_intel.so")
  # The engine opens libmklml_intel.so by name, through its own search path. Sanitizers open it in its place, and
  # do not know the path: linked with, the library is there already.
  target_link_options(paddle_lite INTERFACE -Wl,--no-as-needed -Wl,--allow-shlib-undefined)
  if(NOT PADDLE_LITE_VERSION)
    file(STRINGS "${wheel}/lite.so" found REGEX "^v[0-9]+\\.[0-9]+(\\.[0-9]+)?(-[a-z0-9]+)?$" LIMIT_COUNT 1)
    set(PADDLE_LITE_VERSION "${found}" PARENT_SCOPE)
  endif()
endfunction()

if(PADDLE_LITE_DIR)
  deit_official_engine()
elseif(NOT (CMAKE_SYSTEM_NAME STREQUAL "Linux" AND CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64"))
  deit_no_engine("this is not a build for x86_64 Linux, which the paddlelite wheel is for")
elseif(NOT EXISTS "${PADDLELITE_PYTHON}")
  deit_no_engine("there is no ${PADDLELITE_PYTHON}")
else()
  deit_wheel_engine()
endif()
