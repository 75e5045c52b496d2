#include "controller/wireguard/backend.hpp"

#include "controller/wireguard/kernel_backend.hpp"
#include "controller/wireguard/userspace_backend.hpp"

namespace adit::wireguard {

std::string_view to_string(Implementation implementation) {
  return implementation == Implementation::Kernel ? "kernel" : "userspace";
}

Result<std::unique_ptr<Backend>> open_backend(const std::string& uapi_directory,
                                              const std::string& wireguard_go) {
  auto kernel = KernelBackend::open();
  if (!kernel) return fail(kernel.error());
  if (*kernel) return std::unique_ptr<Backend>(std::move(*kernel));
  return open_userspace_backend(uapi_directory, wireguard_go);
}

Result<std::unique_ptr<Backend>> open_userspace_backend(const std::string& uapi_directory,
                                                        const std::string& wireguard_go) {
  auto userspace = UserspaceBackend::open(uapi_directory, wireguard_go);
  if (!userspace) return fail(userspace.error());
  return std::unique_ptr<Backend>(std::move(*userspace));
}

}  // namespace adit::wireguard
