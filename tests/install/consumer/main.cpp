#include <libstream/libstream.hpp>

#include <iostream>

// A project of its own that knows libstream only as an installed package.
int main(int argc, char** argv) {
  if (argc != 2) return 2;
  using namespace libstream;
  Session session({.threads = 1, .partitions = 2});
  MemoryStream words("word string");
  words.add({{"ada"}, {"bob"}, {"ada"}});
  MemoryTable counts;
  Query query = session.read_stream()
                    .memory(words)
                    .group_by("word")
                    .count()
                    .write_stream()
                    .output_mode(OutputMode::complete)
                    .trigger(Trigger::available_now())
                    .checkpoint(argv[1])
                    .memory(counts)
                    .start();
  query.await_termination();
  std::cout << counts.text() << '\n';
}
