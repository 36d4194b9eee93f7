// The least that a user compiles.
#include <libstream/libstream.hpp>

int main() {
  libstream::Session session;
  return session.queries().empty() ? 0 : 1;
}
