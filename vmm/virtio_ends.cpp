#include "vmm/virtio_ends.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <utility>

namespace vmm {

VirtioEnds::VirtioEnds(boost::asio::io_context& io, const RunOptions& options, bool output_only)
    : net_(open_network(io, options.net)), mac_(options.net.mac), random_(options.virtio_rng) {
  if (options.virtio_console.empty() || options.virtio_console == "none") return;
  console_.emplace(io, parse_console(options.virtio_console), Console::Options{.output_only = output_only});
}

void VirtioEnds::add_to(VirtioConfig& config) {
  if (console_) {
    config.console = &*console_;
    config.console_room = [this] { console_->resume_input(); };
  }
  if (net_) {
    config.net = net_.get();
    config.mac = mac_;
    config.net_room = [this] { net_->resume(); };
  }
  config.random = random_;
}

void VirtioEnds::start(Debugger& debugger, std::function<void()> quit) {
  debugger_ = &debugger;
  if (console_) {
    console_->start({.accepting = [this] { return guest_runs() && devices().console_accepting(); },
                     .on_input =
                         [this](auto bytes) {
                           devices().console_input(bytes);
                           console_work();
                         },
                     .on_ready = [this] { console_work(); },
                     .on_quit = std::move(quit)});
  }
  if (net_) {
    net_->start([this](auto frame) { return guest_runs() && devices().net_input(frame); });
  }
}

void VirtioEnds::resume() {
  if (!guest_runs()) return;
  if (console_) {
    devices().console_work();
    console_->resume_input();
  }
  if (net_) net_->resume();
}

void VirtioEnds::announce() const {
  if (console_ && console_->where().starts_with("pty:")) {
    std::fputs(fmt::format("virtio-console: {}\n", console_->where()).c_str(), stderr);
  }
}

void VirtioEnds::drain() {
  if (console_) console_->drain();
}

}  // namespace vmm
