# The parts of the relay that are functions of their arguments: no descriptor, no loop, no clock.
add_library(adit_relay_core STATIC
  access_rules.cpp
  admission.cpp
  client_hello.cpp
  close_reason.cpp
  connection_state.cpp
  crc32c.cpp
  health_record.cpp
  http_answer.cpp
  http_head.cpp
  prefix_set.cpp
  proxy_header_reader.cpp
  proxy_protocol.cpp
  refusal_log.cpp
  route_state.cpp
  route_table.cpp
  server_name.cpp
  table_cache.cpp
  table_problems.cpp
  target_choice.cpp
  throttle.cpp
  timer_wheel.cpp
  tls_alert.cpp
  tls_check.cpp
  token_bucket.cpp)
add_library(adit::relay_core ALIAS adit_relay_core)
target_link_libraries(adit_relay_core PUBLIC adit::common)
target_precompile_headers(adit_relay_core REUSE_FROM adit_common)
