#include "controller/cli/key_search.hpp"

#include <algorithm>
#include <cassert>
#include <string_view>

#include <string.h>

namespace adit::cli {

Needle::~Needle() {
  if (!bytes_.empty()) explicit_bzero(bytes_.data(), bytes_.size());
}

std::vector<Needle> pem_markers() {
  std::vector<Needle> markers;
  for (const std::string_view kind : {"", "RSA ", "EC ", "ENCRYPTED ", "OPENSSH "}) {
    const std::string text = std::string("-----BEGIN ").append(kind).append("PRIVATE KEY-----");
    markers.emplace_back("a PEM block: BEGIN " + std::string(kind) + "PRIVATE KEY",
                         std::vector<std::uint8_t>(text.begin(), text.end()));
  }
  return markers;
}

KeySearch::KeySearch(std::span<const Needle> needles)
    : needles_(needles), is_found_(needles.size(), false) {
  for (const Needle& needle : needles) {
    assert(needle.bytes().size() >= Needle::kShortest);
    longest_ = std::max(longest_, needle.bytes().size());
  }
}

KeySearch::~KeySearch() {
  if (!tail_.empty()) explicit_bzero(tail_.data(), tail_.size());
}

void KeySearch::feed(std::uint64_t address, std::span<const std::uint8_t> bytes) {
  if (bytes.empty() || needles_.empty()) return;
  if (address != next_address_) tail_.clear();
  // The seam: the old end and as much of the new beginning as one needle can reach over.
  if (!tail_.empty()) {
    const std::uint64_t seam_address = address - tail_.size();
    const auto reach = std::min(bytes.size(), longest_ - 1);
    tail_.insert(tail_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(reach));
    search(seam_address, tail_);
  }
  search(address, bytes);
  searched_ += bytes.size();
  next_address_ = address + bytes.size();
  // The tail now holds the seam (old end, whole new piece if that is short) or nothing.
  if (tail_.empty() || bytes.size() >= longest_ - 1) {
    const auto keep = static_cast<std::ptrdiff_t>(std::min(bytes.size(), longest_ - 1));
    tail_.assign(bytes.end() - keep, bytes.end());
  } else if (tail_.size() > longest_ - 1) {
    tail_.erase(tail_.begin(), tail_.end() - static_cast<std::ptrdiff_t>(longest_ - 1));
  }
}

void KeySearch::search(std::uint64_t address, std::span<const std::uint8_t> bytes) {
  for (std::size_t i = 0; i < needles_.size(); ++i) {
    if (is_found_[i]) continue;
    const auto needle = needles_[i].bytes();
    const void* found = memmem(bytes.data(), bytes.size(), needle.data(), needle.size());
    if (found == nullptr) continue;
    is_found_[i] = true;
    const auto offset = static_cast<const std::uint8_t*>(found) - bytes.data();
    hits_.push_back({i, address + static_cast<std::uint64_t>(offset)});
  }
}

}  // namespace adit::cli
