// The numbers of the message types on the wire; see codec.hpp. A number is never used for another
// type.
#pragma once

#include <cstdint>

namespace adit::control {

enum class MessageType : std::uint16_t {
  Hello = 1,
  HelloReply = 2,
  Check = 3,
  CheckReply = 4,
  Set = 5,
  SetReply = 6,
  StatsRequest = 7,
  Stats = 8,
  HealthRequest = 20,
  HealthReply = 21,
  ConnectionsRequest = 23,
  Connections = 24,
  RecordsRequest = 25,
  Records = 26,
  Kill = 27,
  KillReply = 28,
  SiteState = 29,
  SiteStateReply = 30,
  Reload = 31,
  ReloadReply = 32,
  Failure = 0xffff,
};

}  // namespace adit::control
