/// The one way to include Asio. With g++ 12, Boost 1.74's awaitable.hpp uses std::exchange without <utility>; of clang
/// it thinks that its coroutines are still experimental. Asio costs seconds a file: include this in .cpp files only.
#pragma once

#include <utility>

#if defined(__clang__)
#define BOOST_ASIO_HAS_CO_AWAIT 1
#define BOOST_ASIO_HAS_STD_COROUTINE 1
#endif
// The thread sanitizer knows no fences; one io_context thread needs none.
#if defined(__SANITIZE_THREAD__)
#define BOOST_ASIO_DISABLE_FENCED_BLOCK 1
#endif
#include <boost/asio.hpp>

// g++ 12 inlines the allocation of a coroutine's frame but not its release, and takes them for a mismatch.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif
