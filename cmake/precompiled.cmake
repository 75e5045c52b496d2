# What most files include is parsed once per kind of folder; half of a build's time goes there otherwise.
# A file still includes all that it uses: the preset tidy builds without this. Owners are adit_common
# (standard library and fmt), adit_config (and JSON), adit_test_support (and Catch2);
# the others say `target_precompile_headers(NAME REUSE_FROM OWNER)`.
set(ADIT_PRECOMPILED <algorithm> <array> <chrono> <cstdint> <functional> <map> <memory> <optional> <span>
  <string> <string_view> <utility> <variant> <vector> <fmt/format.h> <fmt/ranges.h> <tl/expected.hpp>)

# Our libraries end in executables only. With one kind of code for both they can share these headers.
set(CMAKE_CXX_COMPILE_OPTIONS_PIC -fPIE)
