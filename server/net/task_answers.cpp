// Making replies in their order, and having values read for them.
#include "server/net/task_answers.h"

#include <cassert>
#include <utility>

#include "minikv/store.h"
#include "server/net/event_loop.h"
#include "server/net/session.h"
#include "server/request/state.h"

namespace minikv::server {

namespace {

// A turn ends when it has made this many bytes of answers.
constexpr std::size_t kTurnAnswerBytes = 1024 * 1024;

using Stage = TaskInFlight::Stage;

}  // namespace

TaskAnswers::TaskAnswers(Session& session, EventLoop& loop, MemoryWaits& memory, TaskQueue& queue,
                         protocol::ReplyBuffer& output)
    : session_(session),
      loop_(loop),
      server_(loop.server()),
      memory_(memory),
      queue_(queue),
      output_(output),
      budget_(loop.server()) {}

void TaskAnswers::postpone(TaskInFlight& task) {
  assert(&task == &queue_.back() && task.stage == Stage::kDone);
  task.stage = Stage::kPostponed;
  if (postponed_ == nullptr) postponed_ = &task;
  load_ahead();
}

bool TaskAnswers::can_answer() const {
  if (queue_.empty()) return false;
  const TaskInFlight& task = queue_.front();
  if (task.stage == Stage::kLoaded) return true;
  if (task.stage != Stage::kDone) return false;
  return output_.size() < (task.task->reads_values() ? kSendAheadBytes : budget_.limit());
}

void TaskAnswers::answer() {
  const std::size_t before = output_.size();
  while (can_answer() && output_.size() < before + kTurnAnswerBytes && answer_front()) {
  }
  load_ahead();
}

// False: the first task can't go on before a reader has worked for it, or other sessions have had their turn.
bool TaskAnswers::answer_front() {
  TaskInFlight& task = queue_.front();
  const protocol::ReplyBuffer::Mark before = output_.mark();
  Answered answered = Answered::kWhole;
  if (task.stage == Stage::kLoaded) {
    queue_.end_loading(task);
    queue_.release(task);
    if (task.part) output_.append(std::move(*task.part));
    task.part.reset();
    task.stage = Stage::kDone;
    answered = task.task->status() ? task.progress : task.answer(output_);
  } else {
    answered = task.answer(output_);
  }
  if (const auto first = output_.first_since(before); !task.is_begun && first) {
    task.is_begun = true;
    if (*first == '-') server_.counters.errors.add();
  }
  if (answered == Answered::kWhole) {
    finish_front();
  } else if (answered == Answered::kWantsDisk) {
    task.stage = Stage::kPostponed;
    postponed_ = &task;
    load_ahead();
    return task.stage == Stage::kDone;  // it was refused
  }
  return answered != Answered::kInPart;
}

void TaskAnswers::finish_front() {
  TaskInFlight& task = queue_.front();
  queue_.take_tail(task, output_);
  queue_.release(task);
  (void)loop_.laps().lap();
  const auto took = loop_.laps().last() - task.started;
  if (server_.slow_log.is_slow(took)) {
    const ClientState& client = session_.client();
    server_.slow_log.note(took, task.summary, client.address, client.name);
  }
  queue_.pop();
}

// Gives a reader to as many postponed tasks as the client is about to take replies of. The first task of the
// queue, which all others wait for, waits for memory if there is none; the others get a reader only if memory
// is free.
void TaskAnswers::load_ahead() {
  using Taken = MemoryWaits::Taken;
  constexpr auto kTask = MemoryWaits::For::kTask;
  while (postponed_ != nullptr && output_.size() + queue_.loading_bytes() < kSendAheadBytes) {
    TaskInFlight& task = *postponed_;
    assert(task.stage == Stage::kPostponed);
    const std::uint64_t bytes = task.task->bytes_for_reader();
    const bool fits =
        server_.counters.replies_waiting.get() + bytes <= server_.options.max_total_output_bytes;
    if (&task != &queue_.front()) {
      if (!fits || bytes > server_.client_memory.most_for_one() || !memory_.try_take(bytes)) return;
    } else if (const Taken taken = fits ? memory_.take(kTask, bytes) : memory_.take_as_first(kTask, bytes);
               taken == Taken::kLater) {
      return;
    } else if (taken == Taken::kNever) {
      task.refuse_for_memory(TaskInFlight::too_large());
    }
    do postponed_ = TaskQueue::behind(*postponed_);
    while (postponed_ != nullptr && postponed_->stage != Stage::kPostponed);
    if (task.stage != Stage::kPostponed) continue;
    queue_.hold(task, bytes);
    queue_.begin_loading(task, static_cast<std::size_t>(bytes));
    account();
    loop_.send_to_reader(task, Stage::kLoading, session_.shared_from_this());
  }
}

}  // namespace minikv::server
