adit_add_fuzz(wireguard_netlink ${PROJECT_SOURCE_DIR}/tests/fuzz/wireguard_netlink_fuzz.cpp adit::wireguard)
adit_add_fuzz(wireguard_uapi ${PROJECT_SOURCE_DIR}/tests/fuzz/wireguard_uapi_fuzz.cpp adit::wireguard)
