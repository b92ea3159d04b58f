# Paddle Inference, as the target paddle_inference; none where it is not to be found.
#
# -DPADDLE_INFERENCE_DIR=<unpacked official C++ package>, with paddle/include and paddle/lib. Without it, on this host:
# the library inside the paddlepaddle wheel of PADDLELITE_PYTHON, through the declarations in inference_sdk/.
set(PADDLE_INFERENCE_DIR "" CACHE PATH "Unpacked official C++ package of Paddle Inference")

function(deit_official_inference)
  set(library "${PADDLE_INFERENCE_DIR}/paddle/lib/libpaddle_inference.so")
  foreach(file IN ITEMS "${PADDLE_INFERENCE_DIR}/paddle/include/paddle_inference_api.h" "${library}")
    if(NOT EXISTS "${file}")
      message(FATAL_ERROR "PADDLE_INFERENCE_DIR is no C++ package of Paddle Inference: ${file} is missing")
    endif()
  endforeach()
  file(GLOB folders "${PADDLE_INFERENCE_DIR}/third_party/install/*/lib")
  add_library(paddle_inference SHARED IMPORTED GLOBAL)
  set_target_properties(paddle_inference PROPERTIES
    IMPORTED_LOCATION "${library}"
    INTERFACE_INCLUDE_DIRECTORIES "${PADDLE_INFERENCE_DIR}/paddle/include")
  foreach(folder IN LISTS folders)
    target_link_options(paddle_inference INTERFACE "-Wl,-rpath,${folder}" "-Wl,-rpath-link,${folder}")
  endforeach()
endfunction()

function(deit_wheel_inference)
  deit_ask_python(paddle wheel libpython)
  if(NOT wheel)
    message(STATUS "No Paddle Inference: ${PADDLELITE_PYTHON} has no paddle; give PADDLE_INFERENCE_DIR")
    return()
  endif()
  if(NOT libpython MATCHES "\\.so$" OR NOT EXISTS "${libpython}")
    message(STATUS "No Paddle Inference: ${PADDLELITE_PYTHON} has no shared library of Python, which the wheel's needs")
    return()
  endif()
  add_library(paddle_inference SHARED IMPORTED GLOBAL)
  set_target_properties(paddle_inference PROPERTIES
    IMPORTED_LOCATION "${wheel}/base/libpaddle.so"
    INTERFACE_INCLUDE_DIRECTORIES "${CMAKE_CURRENT_SOURCE_DIR}/inference_sdk"
    INTERFACE_LINK_LIBRARIES "${libpython}")
  # The library names neither Python nor all that it uses of it.
  target_link_options(paddle_inference INTERFACE
    -Wl,--no-as-needed -Wl,--allow-shlib-undefined "-Wl,-rpath,${wheel}/libs")
endfunction()

if(PADDLE_INFERENCE_DIR)
  deit_official_inference()
elseif(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64" AND EXISTS "${PADDLELITE_PYTHON}")
  deit_wheel_inference()
endif()
