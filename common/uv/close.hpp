// UvClose: the deleter of every libuv handle. A handle lives on the heap behind a unique_ptr, so
// its owner may die at any time: disconnecting is synchronous (data = nullptr), closing
// asynchronous. If uv_x_init fails, delete the handle plainly: an uninitialised handle must never
// reach uv_close.
#pragma once

#include <uv.h>

namespace adit::uv {

/// `H` begins with its libuv handle as the member `handle`, whose address is H's own.
template <class H>
struct UvClose {
  void operator()(H* h) const noexcept {
    h->handle.data = nullptr;
    uv_close(reinterpret_cast<uv_handle_t*>(&h->handle), [](uv_handle_t* closed) {
      delete reinterpret_cast<H*>(closed);  // NOLINT: the handle is H's first member
    });
  }
};

}  // namespace adit::uv
