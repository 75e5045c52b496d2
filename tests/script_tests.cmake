# Tests that are scripts. Status 77 of a script means: skipped, its last line says why.

# adit_add_script_test(NAME LABELS labels... TIMEOUT SECONDS COMMAND ...): one CTest.
function(adit_add_script_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "LABELS;COMMAND" ${ARGN})
  add_test(NAME ${name} COMMAND ${ARG_COMMAND})
  # COST: what may take longest begins first, so that nothing long is left for the end.
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT} COST ${ARG_TIMEOUT} SKIP_RETURN_CODE 77
    ENVIRONMENT "ADIT_BUILD_DIR=${PROJECT_BINARY_DIR};ADIT_SOURCE_DIR=${PROJECT_SOURCE_DIR};ADIT_SANITIZE=${ADIT_SANITIZE};PYTHONPATH=${PROJECT_SOURCE_DIR}/tests/support;PYTHONDONTWRITEBYTECODE=1")
endfunction()

# adit_add_case_tests(NAME SCRIPT.py LABELS labels... TIMEOUT SECONDS [BOX | ROOM]): one CTest NAME/X for each function test_X of
# the script, which tests/support/cases.py runs; so a case that is skipped is seen. BOX: each in a box of its own;
# ROOM: each in one that can boot a machine. A case test_slow_X has the label slow too.
function(adit_add_case_tests name script)
  cmake_parse_arguments(ARG "BOX;ROOM" "TIMEOUT" "LABELS" ${ARGN})
  cmake_path(ABSOLUTE_PATH script)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${script})
  set_property(GLOBAL APPEND PROPERTY ADIT_TEST_FILES ${script})
  file(STRINGS ${script} heads REGEX "^def test_[A-Za-z0-9_]+\\(")
  if(NOT heads)
    message(FATAL_ERROR "${script}: no function test_...")
  endif()
  set(box "")
  if(ARG_BOX)
    set(box ${PROJECT_SOURCE_DIR}/tests/support/box.sh)
  elseif(ARG_ROOM)
    set(box ${PROJECT_SOURCE_DIR}/tests/support/machine_room.sh)
  endif()
  foreach(head IN LISTS heads)
    string(REGEX REPLACE "^def test_([A-Za-z0-9_]+).*" "\\1" case "${head}")
    set(labels ${ARG_LABELS})
    if(case MATCHES "^slow_")
      list(APPEND labels slow)
    endif()
    adit_add_script_test(${name}/${case} LABELS ${labels} TIMEOUT ${ARG_TIMEOUT}
      COMMAND ${box} ${PYTHON3} ${script} test_${case})
  endforeach()
endfunction()
