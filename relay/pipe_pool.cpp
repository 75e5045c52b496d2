#include "relay/pipe_pool.hpp"

#include <utility>

namespace adit::relay {

namespace {
constexpr Milliseconds kRefusalTime{1000};
}  // namespace

PipePool::~PipePool() {
  for (std::size_t i = 0; i < spare_.size(); ++i) budget_->give_back();
}

std::unique_ptr<SplicePipe> PipePool::lend(TimePoint now) {
  if (!spare_.empty()) {
    auto pipe = std::move(spare_.back());
    spare_.pop_back();
    return pipe;
  }
  if (now < ask_again_at_ || !budget_->take()) return nullptr;
  if (auto fresh = SplicePipe::create()) return std::make_unique<SplicePipe>(std::move(*fresh));
  budget_->give_back();
  ask_again_at_ = now + kRefusalTime;
  return nullptr;
}

std::unique_ptr<SplicePipe> PipePool::lend_adopted(SplicePipe pipe) {
  budget_->add();
  return std::make_unique<SplicePipe>(std::move(pipe));
}

void PipePool::give_back(std::unique_ptr<SplicePipe> pipe) {
  if (pipe->is_proven_empty() && spare_.size() < max_spare_) {
    spare_.push_back(std::move(pipe));
    return;
  }
  pipe.reset();
  budget_->give_back();
}

}  // namespace adit::relay
