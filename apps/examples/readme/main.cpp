#include <libstream/libstream.hpp>

using namespace libstream;
using namespace std::chrono_literals;

int main(int, char** argv) {
  Session session{{.threads = 2, .partitions = 1}};
  auto readings = session.read_stream()
                      .schema("sensor string, time timestamp, celsius double")
                      .option("maxFilesPerTrigger", 1)
                      .json(argv[1]);  // A directory; new files are new data.
  auto means = readings.with_watermark("time", 10min)
                   .group_by("sensor", window("time", 10min))
                   .agg(avg("celsius").as("mean"), count().as("n"));
  Query query = means.write_stream()
                    .output_mode(OutputMode::update)
                    .trigger(Trigger::available_now())
                    .checkpoint(argv[2])
                    .console()
                    .start();
  query.await_termination();
}
