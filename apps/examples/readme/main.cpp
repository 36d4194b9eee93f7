#include <libstream/libstream.hpp>

using namespace libstream;
using namespace std::chrono_literals;

int main(int argc, char** argv) {
  if (argc != 3) return 2;  // readme_example INPUT_DIRECTORY CHECKPOINT_DIRECTORY
  Session session{{.threads = 2, .partitions = 2}};

  Query query = session.read_stream()
                    .schema("scheduled timestamp, delay int, origin string")
                    .option("maxFilesPerTrigger", 1)
                    .option("fileOrder", "name")
                    .json(argv[1])
                    .with_watermark("scheduled", 2h)
                    .group_by("origin", window("scheduled", 1h))
                    .agg(count().as("flights"), max("delay").as("worst_delay"))
                    .write_stream()
                    .output_mode(OutputMode::append)
                    .trigger(Trigger::available_now())
                    .checkpoint(argv[2])
                    .console()
                    .start();
  query.await_termination();
}
