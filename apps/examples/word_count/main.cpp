#include <libstream/libstream.hpp>

#include <iostream>

using namespace libstream;

// Counts the words of the text files of a directory: word_count DIRECTORY CHECKPOINT
int main(int argc, char** argv) {
  if (argc != 3) return 2;
  Session session({.threads = 2, .partitions = 2});
  MemoryTable counts;
  session.read_stream()
      .text(argv[1])
      .select(explode(split("value", "[^A-Za-z]+")).as("word"))
      .where("word <> ''")
      .group_by(lower("word").as("word"))
      .count()
      .write_stream()
      .output_mode(OutputMode::complete)
      .trigger(Trigger::available_now())
      .checkpoint(argv[2])
      .memory(counts)
      .start()
      .await_termination();
  std::cout << counts.text() << '\n';
}
