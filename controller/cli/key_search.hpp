// Looking for private keys in a stream of memory: pure byte matching, so that "nothing found" can
// be trusted by testing the finder itself. What it looks for is wiped when it is done. PURE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace adit::cli {

/// A sequence of bytes that gives a key away, and what to call it. Its bytes are wiped on
/// destruction, so it can be moved but not copied.
class Needle {
 public:
  /// Shorter ones would be found by chance. `bytes` has at least this many.
  static constexpr std::size_t kShortest = 16;

  Needle(std::string label, std::vector<std::uint8_t> bytes)
      : label_(std::move(label)), bytes_(std::move(bytes)) {}

  ~Needle();
  Needle(Needle&&) noexcept = default;
  Needle& operator=(Needle&&) noexcept = default;
  Needle(const Needle&) = delete;
  Needle& operator=(const Needle&) = delete;

  /// "home.key: private scalar", never the bytes.
  [[nodiscard]] const std::string& label() const { return label_; }

  [[nodiscard]] std::span<const std::uint8_t> bytes() const { return bytes_; }

 private:
  std::string label_;
  std::vector<std::uint8_t> bytes_;
};

/// The texts that begin every private key in PEM and OpenSSH form.
std::vector<Needle> pem_markers();

struct Hit {
  std::size_t needle = 0;     ///< index into the needles
  std::uint64_t address = 0;  ///< where it begins

  bool operator==(const Hit&) const = default;
};

/// Finds needles in memory that comes piece by piece; one that lies across two adjoining pieces is
/// found too. Each needle is reported once, at its first place.
class KeySearch {
 public:
  /// `needles` must outlive this object; none is shorter than Needle::kShortest.
  explicit KeySearch(std::span<const Needle> needles);
  ~KeySearch();
  KeySearch(const KeySearch&) = delete;
  KeySearch& operator=(const KeySearch&) = delete;
  KeySearch(KeySearch&&) = delete;
  KeySearch& operator=(KeySearch&&) = delete;

  /// The bytes of memory at `address`.
  void feed(std::uint64_t address, std::span<const std::uint8_t> bytes);

  [[nodiscard]] const std::vector<Hit>& hits() const { return hits_; }

  [[nodiscard]] std::uint64_t searched_bytes() const { return searched_; }

 private:
  void search(std::uint64_t address, std::span<const std::uint8_t> bytes);

  std::span<const Needle> needles_;
  std::vector<bool> is_found_;
  std::vector<Hit> hits_;
  std::vector<std::uint8_t>
      tail_;  ///< the end of the piece before, as long as a needle can hang over
  std::uint64_t next_address_ = 0;  ///< where an adjoining piece begins
  std::size_t longest_ = 0;
  std::uint64_t searched_ = 0;
};

}  // namespace adit::cli
