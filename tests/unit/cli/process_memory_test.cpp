#include "controller/cli/process_memory.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <random>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/unique_fd.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"

using namespace adit::cli;

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes random_bytes(std::mt19937_64& random, std::size_t size) {
  Bytes bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

std::vector<Needle> one_needle(const Bytes& bytes) {
  std::vector<Needle> needles;
  needles.emplace_back("key", bytes);
  return needles;
}

/// Pages of this process, for as long as the object lives.
class Pages {
 public:
  Pages(std::size_t size, int protection, int flags, int fd = -1)
      : size_(size), at_(::mmap(nullptr, size, protection, flags, fd, 0)) {
    REQUIRE(at_ != MAP_FAILED);
  }

  ~Pages() { ::munmap(at_, size_); }

  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  Pages(Pages&&) = delete;
  Pages& operator=(Pages&&) = delete;

  [[nodiscard]] char* bytes() const { return static_cast<char*>(at_); }

 private:
  std::size_t size_;
  void* at_;
};

std::size_t page_bytes() {
  return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

/// Bit 58 of the page's entry in pagemap.
bool is_marked_as_guard(const char* page) {
  const adit::UniqueFd pages(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  std::uint64_t entry = 0;
  const auto index = reinterpret_cast<std::uintptr_t>(page) / page_bytes();
  const auto offset = static_cast<off_t>(index * sizeof entry);
  return ::pread(pages.get(), &entry, sizeof entry, offset) == sizeof entry &&
         ((entry >> 58) & 1) != 0;
}

MemoryScan scan_of_this_process() {
  const auto needles = pem_markers();
  KeySearch search(needles);
  return scan_memory(getpid(), search).value();
}

}  // namespace

TEST_CASE("process_memory: the scan finds what this process holds, and only that", "[cli]") {
  std::mt19937_64 random(10);
  CHECK(proves_itself(one_needle(random_bytes(random, 32))).value());
  CHECK(proves_itself(pem_markers()).value());
}

TEST_CASE("process_memory: a key that lies in a page of its own is found by the scan", "[cli]") {
  std::mt19937_64 random(11);
  const Bytes key = random_bytes(random, 32);
  const auto needles = one_needle(key);
  KeySearch search(needles);
  const auto scan = scan_memory(getpid(), search);
  REQUIRE(scan);
  CHECK(scan->searched_bytes > 1'000'000);
  CHECK(scan->unread_bytes == 0);
  CHECK(scan->unread_at.empty());
  CHECK(search.hits().size() == 1);
}

TEST_CASE("process_memory: what its own process may not read is searched", "[cli]") {
  const std::uint64_t before = scan_of_this_process().searched_bytes;
  const std::size_t size = std::size_t{16} << 20;
  const Pages pages(size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
  for (std::size_t at = 0; at < size; at += page_bytes()) pages.bytes()[at] = 1;
  REQUIRE(::mprotect(pages.bytes(), size, PROT_NONE) == 0);
  const MemoryScan scan = scan_of_this_process();
  CHECK(scan.searched_bytes > before + size / 2);
  CHECK(scan.unread_bytes == 0);
}

TEST_CASE("process_memory: what holds nothing is nothing that was missed", "[cli]") {
  const std::size_t page = page_bytes();
  SECTION("addresses that are only reserved") {
    const Pages reserved(std::size_t{65} << 30, PROT_NONE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
    CHECK(scan_of_this_process().unread_bytes == 0);
  }
  SECTION("what lies beyond the end of a file") {
    const adit::test::TempDir folder;
    const adit::UniqueFd fd(
        ::open(folder.file("short").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    REQUIRE(::write(fd.get(), "x", 1) == 1);
    const Pages beyond(4 * page, PROT_READ, MAP_PRIVATE, fd.get());
    // Only root learns from the kernel how long a mapped file is.
    CHECK(scan_of_this_process().unread_bytes == (geteuid() == 0 ? 0 : 3 * page));
  }
  SECTION("guard pages") {
    constexpr int kGuardInstall = 102;  // MADV_GUARD_INSTALL, Linux 6.13
    const Pages guarded(4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
    guarded.bytes()[0] = 1;
    const bool has_guards = ::madvise(guarded.bytes() + page, page, kGuardInstall) == 0;
    if (has_guards && !is_marked_as_guard(guarded.bytes() + page)) {
      WARN("this kernel does not tell guard pages from others (Linux 6.15 does)");
      return;
    }
    CHECK(scan_of_this_process().unread_bytes == 0);
  }
}

TEST_CASE("process_memory: what was not searched is counted and named", "[cli]") {
  const auto fd_number = static_cast<int>(::syscall(SYS_memfd_secret, 0));
  const adit::UniqueFd fd(fd_number);
  if (!fd.is_open() || ::ftruncate(fd.get(), 4096) != 0) {
    WARN("this kernel has no memfd_secret");
    return;
  }
  const Pages secret(4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get());
  secret.bytes()[0] = 1;
  const MemoryScan scan = scan_of_this_process();
  CHECK(scan.unread_bytes == 4096);
  CHECK_THAT(scan.unread_at, Catch::Contains("secretmem"));
}

TEST_CASE("process_memory: what is given back while it is looked at was not missed", "[cli]") {
  constexpr std::size_t kAlive = 64;  // mappings at a time, which a scan finds in the map
  const std::size_t page = page_bytes();
  // Of a file: which of its pages can be read is known only by reading them.
  const adit::UniqueFd file(::memfd_create("mapped", MFD_CLOEXEC));
  REQUIRE(::ftruncate(file.get(), static_cast<off_t>(page)) == 0);
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  const adit::UniqueFd begun(ends[0]);
  adit::UniqueFd tell(ends[1]);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    // Each at an address of its own, so that none comes back; a page between two keeps them apart.
    const std::size_t reserved = std::size_t{1} << 36;
    char* const begin = static_cast<char*>(
        ::mmap(nullptr, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    if (begin == MAP_FAILED || ::munmap(begin, reserved) != 0) ::_exit(1);
    for (std::size_t i = 0; 2 * i * page < reserved; ++i) {
      void* const made = ::mmap(begin + 2 * i * page, page, PROT_READ,
                                MAP_SHARED | MAP_FIXED_NOREPLACE, file.get(), 0);
      if (made == MAP_FAILED) ::_exit(1);
      if (i == kAlive && ::write(tell.get(), "!", 1) != 1) ::_exit(1);
      if (i >= kAlive) ::munmap(begin + 2 * (i - kAlive) * page, page);
    }
    ::_exit(0);
  }
  tell.reset();
  char word = 0;
  CHECK(::read(begun.get(), &word, 1) == 1);
  const auto needles = pem_markers();
  KeySearch search(needles);
  for (int i = 0; i < 20; ++i) {
    const auto scan = scan_memory(child, search);
    CHECK(scan);
    if (scan) CHECK(scan->unread_bytes == 0);
  }
  CHECK(::kill(child, SIGKILL) == 0);
  CHECK(::waitpid(child, nullptr, 0) == child);
}

TEST_CASE("process_memory: a process that is not there is an error, not a clean one", "[cli]") {
  const auto needles = pem_markers();
  KeySearch search(needles);
  const auto scan = scan_memory(0x7ffffff0, search);
  REQUIRE_FALSE(scan);
  CHECK(scan.error().code == adit::Errc::NotFound);
}
