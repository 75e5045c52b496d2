// From key files to the bytes that would give them away in somebody's memory: the private numbers
// in both byte orders, and the text of the file.
#pragma once

#include <string>
#include <vector>

#include "common/result.hpp"
#include "controller/cli/key_search.hpp"

namespace adit::cli {

/// The needles of the key in `path`: PEM (RSA, EC, Ed25519; first private key in it), or a
/// WireGuard private key in base64. Errc::Invalid if it is neither or needs a passphrase, and
/// read_file's errors. The file's text is wiped.
Result<std::vector<Needle>> needles_of_file(const std::string& path);

/// The same for the text of such a file; `label` names it in every needle. PURE.
Result<std::vector<Needle>> needles_of_text(const std::string& label, std::string_view text);

}  // namespace adit::cli
