#include "user_status.hpp"

int main(int argc, char** argv) {
  if (argc < 2) return 1;  // the directory of the actions, JSON
  libstream::Session session;
  auto actions = session.read_stream().schema("user string, action string, time timestamp");
  user_status::latest_statuses(actions.json(argv[1]), libstream::GroupTimeout::processing_time)
      .write_stream()
      .output_mode(libstream::OutputMode::update)
      .console()
      .start()
      .await_termination();
}
