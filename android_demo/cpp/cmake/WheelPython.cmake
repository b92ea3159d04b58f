# The Python whose wheels have engines for this host: -DPADDLELITE_PYTHON=<python>, else that of the environment that
# run.sh uses, which is $DEIT_LITE_VENV or .venv.
set(PADDLELITE_PYTHON "" CACHE FILEPATH
  "CPython 3.10 whose paddlelite wheel is the host's engine; empty: that of DEIT_LITE_VENV, or of .venv")
if(NOT PADDLELITE_PYTHON AND NOT "$ENV{DEIT_LITE_VENV}" STREQUAL "")
  get_filename_component(PADDLELITE_PYTHON "$ENV{DEIT_LITE_VENV}/bin/python" ABSOLUTE
    BASE_DIR "${CMAKE_CURRENT_SOURCE_DIR}/../..")
elseif(NOT PADDLELITE_PYTHON)
  get_filename_component(PADDLELITE_PYTHON "${CMAKE_CURRENT_SOURCE_DIR}/../../.venv/bin/python" ABSOLUTE)
endif()

# Asks PADDLELITE_PYTHON for the folder of an installed package, "" where it has none, and for the Python library that
# the package's bindings need: its path, or its name alone where it is in no usual place.
function(deit_ask_python package wheel libpython)
  # Pythons that can be moved say where they were built, not where they are.
  set(ask "import importlib.util, pathlib, sys, sysconfig as s
print(pathlib.Path(importlib.util.find_spec('${package}').origin).parent)
name = s.get_config_var('LDLIBRARY')
folders = [pathlib.Path(s.get_config_var('LIBDIR')), pathlib.Path(sys.base_prefix, 'lib')]
print(next((folder / name for folder in folders if (folder / name).exists()), name))")
  execute_process(COMMAND "${PADDLELITE_PYTHON}" -I -c "${ask}"
    OUTPUT_VARIABLE answer RESULT_VARIABLE failed OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  set(${wheel} "" PARENT_SCOPE)
  if(failed OR NOT answer)
    return()
  endif()
  string(REPLACE "\n" ";" answer "${answer}")
  list(GET answer 0 found)
  set(${wheel} "${found}" PARENT_SCOPE)
  list(GET answer 1 found)
  set(${libpython} "${found}" PARENT_SCOPE)
endfunction()
