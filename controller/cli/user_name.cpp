#include "controller/cli/user_name.hpp"

#include <vector>

#include <pwd.h>

namespace adit::cli {

std::string user_name(std::uint32_t uid) {
  std::vector<char> buffer(16384);
  passwd entry{};
  passwd* found = nullptr;
  const int status = ::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found);
  return status == 0 && found != nullptr ? found->pw_name : std::to_string(uid);
}

}  // namespace adit::cli
