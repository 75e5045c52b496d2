# Included by CMakeLists.txt beside it: the relay client is a part of adit_apply.
set(ADIT_RELAY_CLIENT_SOURCES relay_client.cpp)
