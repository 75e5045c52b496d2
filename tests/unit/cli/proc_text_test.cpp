#include "controller/cli/proc_text.hpp"

#include "tests/support/catch.hpp"

using namespace adit::cli;

TEST_CASE("proc_text: the lines of a memory map", "[cli]") {
  const auto mappings = parse_maps(
      "55d1c0a00000-55d1c0a21000 r-xp 00001000 fe:00 131 /usr/bin/adit-relay\n"
      "7f0000000000-7f0000001000 ---p 00000000 00:00 0 \n"
      "7ffd3c000000-7ffd3c021000 rw-p 00000000 00:00 0                          [stack]\n"
      "7f1000000000-7f1000001000 rw-s 00000000 00:01 9 /a folder/with blanks (deleted)\n"
      "not a line\n"
      "zz-10 r--p 0 0 0\n");
  REQUIRE(mappings.size() == 4);
  CHECK(mappings[0] ==
        Mapping{0x55d1c0a00000, 0x55d1c0a21000, 0x1000, true, "/usr/bin/adit-relay", 0});
  CHECK(mappings[0].size() == 0x21000);
  CHECK(mappings[1] == Mapping{0x7f0000000000, 0x7f0000001000, 0, false, "", 0});
  CHECK(mappings[2].path == "[stack]");
  CHECK(mappings[3].path == "/a folder/with blanks (deleted)");
}

TEST_CASE("proc_text: what a mapping holds, in memory or swapped out", "[cli]") {
  const auto mappings = parse_maps(
      "Rss:    8 kB\n"
      "7f0000000000-7f0000040000 ---p 00000000 00:00 0 \n"
      "Size:                256 kB\n"
      "Rss:                   8 kB\n"
      "Pss:                   8 kB\n"
      "Swap:                  4 kB\n"
      "SwapPss:               4 kB\n"
      "VmFlags: mr mw me ac \n"
      "7f1000000000-7f1000001000 rw-p 00000000 00:00 0 \n"
      "Rss:                   0 kB\n");
  REQUIRE(mappings.size() == 2);
  CHECK(mappings[0].held_bytes == 12 * 1024);
  CHECK(mappings[1].held_bytes == 0);
}

TEST_CASE("proc_text: only the kernel and sanitizers have memory that is passed over", "[cli]") {
  CHECK(is_kernels_own({.path = "[vvar]"}));
  CHECK(is_kernels_own({.path = "[vsyscall]"}));
  CHECK_FALSE(is_kernels_own({.path = "/tmp/[vvar]"}));
  CHECK_FALSE(is_kernels_own({.path = "[vdso]"}));
  CHECK_FALSE(is_kernels_own(Mapping{}));
  const Mapping shadow{.end = std::uint64_t{1} << 40, .path = ""};
  const Mapping file{.end = std::uint64_t{1} << 40, .is_file = true, .path = "/x"};
  const Mapping runtime{.is_file = true, .path = "/usr/lib/x86_64-linux-gnu/libasan.so.8.0.0"};
  CHECK(is_sanitizer_shadow(shadow, {shadow, runtime}));
  CHECK_FALSE(is_sanitizer_shadow(shadow, {shadow, file}));
  CHECK_FALSE(is_sanitizer_shadow(file, {file, runtime}));
}

TEST_CASE("proc_text: which libraries can do TLS", "[cli]") {
  CHECK(tls_library("/usr/lib/x86_64-linux-gnu/libssl.so.3") == "libssl.so.3");
  CHECK(tls_library("/usr/lib/libcrypto.so.1.1") == "libcrypto.so.1.1");
  CHECK(tls_library("/usr/lib/libnss3.so") == "libnss3.so");
  CHECK(tls_library("/opt/libgnutls.so.30 (deleted)") == "libgnutls.so.30 (deleted)");
  CHECK(tls_library("/usr/lib/libnss_files.so.2").empty());
  CHECK(tls_library("/usr/lib/libuv.so.1").empty());
  CHECK(tls_library("[heap]").empty());
  CHECK(tls_library("").empty());
}

TEST_CASE("proc_text: capabilities in a status file", "[cli]") {
  const std::string status =
      "Name:\tadit-relay\nCapInh:\t0000000000000001\nCapEff:\t0000000000000400\n";
  CHECK(status_mask(status, "CapEff") == 0x400U);
  CHECK(status_mask(status, "CapAmb") == std::nullopt);
  CHECK(status_mask("CapEff:\tnonsense\n", "CapEff") == std::nullopt);
}

TEST_CASE("proc_text: numbers in a status file", "[cli]") {
  const std::string status =
      "Name:\tadit-relay\nPPid:\t12\nUid:\t0\t998\t998\t998\nThreads:\tx\nBig:\t4294967296\n";
  CHECK(status_number(status, "PPid") == 12U);
  CHECK(status_number(status, "Uid") == 0U);
  CHECK(status_number(status, "Uid", 1) == 998U);
  CHECK(status_number(status, "Uid", 4) == std::nullopt);
  CHECK(status_number(status, "Threads") == std::nullopt);
  CHECK(status_number(status, "Big") == std::nullopt);
  CHECK(status_field(status, "Name") == "adit-relay");
  CHECK(status_field(status, "Nam").empty());
}

TEST_CASE("proc_text: the program that a process runs", "[cli]") {
  CHECK(program_path("/usr/bin/adit-relay") == "/usr/bin/adit-relay");
  CHECK(program_path("/usr/bin/adit-relay (deleted)") == "/usr/bin/adit-relay");
}

TEST_CASE("proc_text: the options that a relay was started with", "[cli]") {
  using namespace std::string_literals;
  const auto state_dir = [](const std::string& cmdline) {
    return option_in(cmdline, "--state-dir", "/d");
  };
  CHECK(state_dir("adit-relay\0--state-dir\0/s/relay\0--workers\0002\0"s) == "/s/relay");
  CHECK(state_dir("adit-relay\0--state-dir=/s/relay\0"s) == "/s/relay");
  CHECK(state_dir("adit-relay\0--state-dir\0/a\0--state-dir=/b\0"s) == "/b");
  CHECK(state_dir("adit-relay\0--state-directory=/a\0"s) == "/d");
  CHECK(state_dir("adit-relay\0--workers\0002\0"s) == "/d");
  CHECK(state_dir("") == "/d");
}

TEST_CASE("proc_text: what lies in a folder", "[cli]") {
  CHECK(is_at_or_below("/s/relay", "/s/relay"));
  CHECK(is_at_or_below("/s/relay/x", "/s/relay/"));
  CHECK(is_at_or_below("/x", "/"));
  CHECK_FALSE(is_at_or_below("/s/relay-keys", "/s/relay"));
  CHECK_FALSE(is_at_or_below("/s", "/s/relay"));
  CHECK_FALSE(is_at_or_below("/s", ""));
}

TEST_CASE("proc_text: what a relay may hold open", "[cli]") {
  struct Row {
    int fd;
    const char* link;
    bool want;
  };

  const Row row = GENERATE(Row{5, "socket:[123]", true}, Row{5, "pipe:[9]", true},
                           Row{5, "anon_inode:[eventpoll]", true}, Row{5, "/dev/null", true},
                           Row{2, "/var/log/relay.log", true}, Row{5, "/s/relay/lock", true},
                           Row{5, "/s/relay", true}, Row{5, "/s/relay-keys/home.key", false},
                           Row{5, "/s", false}, Row{5, "/etc/ssl/private/home.key", false},
                           Row{5, "/memfd:key (deleted)", false});
  CAPTURE(row.fd, row.link);
  CHECK(is_expected_file(row.fd, row.link, "/s/relay/") == row.want);
  CHECK_FALSE(is_expected_file(5, "/etc/x", ""));
}
