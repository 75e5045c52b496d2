#include "controller/cli/proc_sockets.hpp"

#include <array>
#include <charconv>

namespace adit::cli {

namespace {

/// tcp_states.h; UDP sockets are "closed", whatever they do.
constexpr std::uint64_t kTcpListen = 0x0A;

template <class Number>
std::optional<Number> number_in(std::string_view text, int base) {
  Number value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (fault != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Cuts and returns the next word of `text`; empty at its end.
std::string_view take_word(std::string_view& text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return text = {};
  text.remove_prefix(first);
  const std::string_view word = text.substr(0, text.find(' '));
  text.remove_prefix(word.size());
  return word;
}

/// "  0: 00000000:01BB 00000000:0000 0A 00000000:00000000 00:00000000 00000000  998  0 4711 …":
/// number, local, remote, state, queues, timer, retransmits, uid, timeout, inode.
std::optional<PortSocket> parse_line(std::string_view line, Transport transport) {
  std::array<std::string_view, 10> words;
  for (auto& word : words) word = take_word(line);
  const auto port = number_in<std::uint16_t>(words[1].substr(words[1].rfind(':') + 1), 16);
  const auto state = number_in<std::uint64_t>(words[3], 16);
  const auto uid = number_in<std::uint32_t>(words[7], 10);
  const auto inode = number_in<std::uint64_t>(words[9], 10);
  if (!port || !state || !uid || !inode) return std::nullopt;
  if (transport == Transport::Tcp && *state != kTcpListen) return std::nullopt;
  return PortSocket{*port, *uid, *inode};
}

}  // namespace

std::string_view to_string(Transport transport) {
  return transport == Transport::Tcp ? "tcp" : "udp";
}

std::vector<PortSocket> parse_port_sockets(std::string_view text, Transport transport) {
  std::vector<PortSocket> sockets;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (const auto socket = parse_line(text.substr(0, end), transport)) sockets.push_back(*socket);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return sockets;
}

std::optional<std::uint64_t> socket_inode(std::string_view link) {
  constexpr std::string_view kPrefix = "socket:[";
  if (!link.starts_with(kPrefix) || !link.ends_with(']')) return std::nullopt;
  link.remove_prefix(kPrefix.size());
  link.remove_suffix(1);
  return number_in<std::uint64_t>(link, 10);
}

}  // namespace adit::cli
