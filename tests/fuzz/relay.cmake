adit_add_fuzz(client_hello client_hello_fuzz.cpp adit::relay_core)
adit_add_fuzz(http_head http_head_fuzz.cpp adit::relay_core)
adit_add_fuzz(server_name server_name_fuzz.cpp adit::relay_core)
adit_add_fuzz(table_cache table_cache_fuzz.cpp adit::relay_core)
