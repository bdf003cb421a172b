/// Something that pays only if it succeeds is not tried for a while when it fails again and again, and for the longer
/// the more often.
#pragma once

#include <algorithm>

namespace vmm {

class Backoff {
 public:
  /// To be asked at each opportunity: shall it be tried?
  bool due() {
    if (spared_ == 0) return true;
    --spared_;
    return false;
  }
  void succeeded() { price_ = 0; }
  /// `loss`: how bad it was, in opportunities to let go by if it fails next time, too.
  void failed(unsigned loss = 1) {
    constexpr unsigned kMost = 256;
    spared_ = price_;
    price_ = std::min(2 * price_ + loss, kMost);
  }

 private:
  unsigned spared_ = 0;  // opportunities that it will let go by
  unsigned price_ = 0;   // of the next failure, in those
};

}  // namespace vmm
