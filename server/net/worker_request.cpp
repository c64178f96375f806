// A worker's side of a request, and the way back.
#include "server/net/worker_request.h"

#include <atomic>
#include <cassert>
#include <chrono>
#include <new>
#include <thread>
#include <utility>

#include "server/net/event_loop.h"
#include "server/request/errors.h"
#include "server/request/state.h"

namespace minikv::server {

namespace {

// Retries what must not be given up for lack of memory.
template <typename Attempt>
void insist(Attempt attempt) {
  for (;;) {
    try {
      return attempt();
    } catch (const std::bad_alloc&) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
}

}  // namespace

// The worker uses only the aside, the slice, the format and the reply.
struct WorkerRequest::Run {
  Run(WorkerRequest& request, ServerState& server, Connection::HowLong how_long, AsideSlice work,
      Done when_done)
      : owner(request),
        run(how_long == Connection::HowLong::kLong ? server.run_long : server.run_on_worker),
        started(Clock::now()),
        aside(server.client_memory, cancelled,
              how_long == Connection::HowLong::kLong ? Clock::time_point::max()
                                                     : started + server.options.request_timeout,
              server.options.request_timeout),
        slice(std::move(work)),
        done(std::move(when_done)) {}

  WorkerRequest& owner;  // valid while there is `done`, which keeps the session alive
  const std::function<void(std::function<void()>)>& run;
  const CancelFlag cancelled = std::make_shared<std::atomic<bool>>(false);
  const Clock::time_point started;
  RequestSummary summary;
  Aside aside;
  AsideSlice slice;
  protocol::ReplyFormat format = protocol::ReplyFormat::kText;
  protocol::ReplyBuffer reply;
  Done done;
};

void WorkerRequest::start(const protocol::Request& request, protocol::ReplyFormat format, AsideSlice slice,
                          Connection::HowLong how_long, Done done) {
  assert(!is_running());
  auto run = std::make_shared<Run>(*this, loop_.server(), how_long, std::move(slice), std::move(done));
  run->summary.assign(request);
  run->format = format;
  stand_in_line(run);
  run_ = std::move(run);
}

void WorkerRequest::stop_early() {
  if (run_) run_->cancelled->store(true, std::memory_order_relaxed);
}

void WorkerRequest::cancel() {
  stop_early();
  run_.reset();
}

void WorkerRequest::stand_in_line(const std::shared_ptr<Run>& run) {
  run->run([run] { work_on(run); });
}

// Runs on a worker's thread.
void WorkerRequest::work_on(const std::shared_ptr<Run>& run) {
  while (!run_slice(*run)) {
    try {
      return stand_in_line(run);
    } catch (const std::bad_alloc&) {
      // Goes on with the next slice: other work has to wait until this is done.
    }
  }
  // The loop takes `done` out, so that this thread never destroys the session.
  EventLoop& loop = run->owner.loop_;
  std::function<void()> finish_it;
  insist([&] {
    finish_it = [run] {
      const Done done = std::exchange(run->done, nullptr);
      run->owner.finish(run, done);
    };
  });
  insist([&] { loop.post(std::move(finish_it)); });
}

bool WorkerRequest::run_slice(Run& run) {
  try {
    protocol::ReplyEncoder reply(run.format, run.reply);
    run.aside.begin_slice();
    return run.slice(reply, run.aside);
  } catch (const std::bad_alloc&) {
    run.reply.clear();
    insist([&] { protocol::ReplyEncoder(run.format, run.reply).error(no_memory_for_request()); });
    return true;
  }
}

void WorkerRequest::finish(const std::shared_ptr<Run>& run, const Done& done) {
  if (run_ != run) return;  // it was cancelled
  run_.reset();
  done(std::move(run->reply), Clock::now() - run->started, run->summary);
}

}  // namespace minikv::server
