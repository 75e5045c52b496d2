# adit::options carries the warnings, the hardening and the sanitizers of every target.
add_library(adit_options INTERFACE)
add_library(adit::options ALIAS adit_options)
target_compile_features(adit_options INTERFACE cxx_std_20)
target_include_directories(adit_options INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
target_compile_definitions(adit_options INTERFACE _GLIBCXX_ASSERTIONS _GNU_SOURCE)
target_compile_options(adit_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -fstack-protector-strong -fno-plt)
target_link_options(adit_options INTERFACE -Wl,-z,relro,-z,now -Wl,--as-needed)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

if(ADIT_SANITIZE)
  target_compile_options(adit_options INTERFACE
    -fsanitize=${ADIT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(adit_options INTERFACE -fsanitize=${ADIT_SANITIZE})
endif()

if(ADIT_FUZZ)  # coverage for libFuzzer in every object; only the fuzz targets link its main
  target_compile_options(adit_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

configure_file(${PROJECT_SOURCE_DIR}/cmake/version.hpp.in ${PROJECT_BINARY_DIR}/common/version.hpp @ONLY)
