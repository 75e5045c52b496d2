// What an active check says to a target and how its answer is judged: a ClientHello with no key in
// it, to which every TLS server answers with a handshake record (a HelloRetryRequest or a
// ServerHello) or an alert. PURE.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace adit::relay {

/// A ClientHello of TLS 1.2 and 1.3 for `server_name` (lower case, no dot at its end); empty: it
/// names none. Always the same bytes for one name: nothing in it is a secret.
[[nodiscard]] std::vector<std::uint8_t> check_hello(std::string_view server_name);

enum class CheckAnswer : std::uint8_t { NeedMore, Alive, NotTls };

/// How many bytes of the answer are looked at.
inline constexpr std::size_t kCheckAnswerBytes = 2;

/// `answer`: what came so far.
[[nodiscard]] CheckAnswer judge_answer(std::span<const std::uint8_t> answer);

}  // namespace adit::relay
