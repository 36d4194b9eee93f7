#include <libstream/libstream.hpp>
using namespace libstream;
using namespace std::chrono_literals;

int main() {
  Session session{{.threads = 2, .partitions = 4}};  // embedded: everything in this process

  auto readings = session.read_stream()
                      .schema("sensorId string, eventTime timestamp, value double")
                      .json("readings/");  // a directory; new files are new data
  auto means = readings.with_watermark("eventTime", 10min)
                   .group_by(col("sensorId"), window("eventTime", 10min, 5min))
                   .agg(avg("value").as("mean"), count().as("n"));

  Query query = means.write_stream()
                    .output_mode(OutputMode::update)
                    .trigger(Trigger::processing_time(1s))
                    .checkpoint("checkpoint/")
                    .console()
                    .start();
  query.await_termination();
}
