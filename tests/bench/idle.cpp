// What waiting costs: a windowed query over each kind of source, with nothing to read.
// Usage: idle [seconds a source]. Prints the share of a core; fails at 64 MiB of resident memory.
#include "process_usage.hpp"

#include <libstream/libstream.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

using namespace libstream;

namespace {

constexpr double most_resident = 64;  // MiB

void wait(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

/// A port of this host that takes connections and sends nothing.
class SilentPort {
 public:
  SilentPort() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const plain = reinterpret_cast<sockaddr*>(&address);
    if (socket_ < 0 || ::bind(socket_, plain, size) != 0 || ::listen(socket_, 4) != 0 ||
        ::getsockname(socket_, plain, &size) != 0) {
      std::perror("socket");
      std::exit(2);
    }
    port_ = ntohs(address.sin_port);
  }
  ~SilentPort() { ::close(socket_); }
  SilentPort(const SilentPort&) = delete;
  SilentPort& operator=(const SilentPort&) = delete;
  std::uint16_t port() const { return port_; }

 private:
  int socket_;
  std::uint16_t port_ = 0;
};

/// Share of a core that the query of `rows` takes once it waits.
double idle_share(const DataStream& rows, const std::string& checkpoint, double seconds) {
  auto query = rows.with_watermark("time", std::chrono::seconds(10))
                   .group_by(window("time", std::chrono::seconds(10)))
                   .count()
                   .write_stream()
                   .checkpoint(checkpoint)
                   .none()
                   .start();
  wait(1);  // the longer nothing comes, the rarer it looks
  const auto cpu = cpu_seconds();
  wait(seconds);
  const auto used = cpu_seconds() - cpu;
  query.stop();
  return used / seconds;
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 10;
  const auto directory =
      std::filesystem::temp_directory_path() / ("idle-" + system_random()->uuid());
  const auto make = [&](const std::string& name, const std::string& text) {
    std::filesystem::create_directories(directory / name);
    std::ofstream(directory / name / "first") << text;
    return (directory / name).string();
  };
  const SilentPort port;
  const MemoryStream memory("time timestamp");
  Session session;
  const auto lines = [](const DataStream& stream) {
    return stream.select(expr("try_cast(value AS timestamp)").as("time"));
  };
  const auto reader = [&] { return session.read_stream(); };
  const auto json = make("json", "{\"time\": \"2013-01-01T00:00:00Z\"}\n");
  const auto csv = make("csv", "time\n2013-01-01T00:00:00Z\n");
  const auto text = make("text", "2013-01-01T00:00:00Z\n");
  const std::vector<std::pair<std::string, DataStream>> sources = {
      {"json files", reader().schema("time timestamp").json(json)},
      {"csv files", reader().schema("time timestamp").option("header", true).csv(csv)},
      {"text files", lines(reader().text(text))},
      {"socket", lines(reader().socket("127.0.0.1", port.port()))},
      {"memory", reader().memory(memory)},
      {"rate, a row a second", reader().rate(1).select(col("timestamp").as("time"))},
  };
  std::uint64_t resident = 0;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const auto place = (directory / ("checkpoint" + std::to_string(i))).string();
    const auto share = idle_share(sources[i].second, place, seconds);
    resident = std::max(resident, resident_bytes());
    std::printf("%-22s %6.3f %% of a core, %.1f MiB\n", sources[i].first.c_str(), 100 * share,
                mebibytes(resident_bytes()));
  }
  std::filesystem::remove_all(directory);
  return mebibytes(resident) < most_resident ? 0 : 1;
}
