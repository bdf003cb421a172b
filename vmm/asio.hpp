/// The one way to Boost.Asio: with g++ 12, Asio 1.74 needs <utility> before its own headers. Costs seconds a file, so
/// only .cpp files that do input or output include it.
#pragma once

#include <utility>
//
#include <boost/asio.hpp>
