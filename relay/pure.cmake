# The parts of the relay that are functions of their arguments: no descriptor, no loop, no clock.
add_library(adit_relay_core STATIC
  admission.cpp
  client_hello.cpp
  close_reason.cpp
  connection_state.cpp
  http_answer.cpp
  http_head.cpp
  refusal_log.cpp
  route_table.cpp
  server_name.cpp
  table_cache.cpp
  table_problems.cpp
  timer_wheel.cpp
  tls_alert.cpp)
add_library(adit::relay_core ALIAS adit_relay_core)
target_link_libraries(adit_relay_core PUBLIC adit::common)
target_precompile_headers(adit_relay_core REUSE_FROM adit_common)
