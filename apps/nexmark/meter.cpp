#include "meter.hpp"

#include <sys/resource.h>
#include <time.h>

namespace libstream::apps {
namespace {

double seconds_of(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

}  // namespace

double process_cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

double thread_cpu_seconds() { return seconds_of(CLOCK_THREAD_CPUTIME_ID); }

Meter::Moment Meter::now() { return {process_cpu_seconds(), seconds_of(CLOCK_MONOTONIC)}; }

void Meter::start() {
  const std::lock_guard lock(mutex_);
  if (started_) return;
  started_ = true;
  first_ = last_ = now();
}

void Meter::stop() {
  const std::lock_guard lock(mutex_);
  last_ = now();
}

bool Meter::wants_more(std::uint64_t planned, std::uint64_t step, double limit) {
  const std::lock_guard lock(mutex_);
  if (planned < granted_) return true;
  if (started_ && now().cpu - first_.cpu >= limit) return false;
  granted_ = planned + step;
  return true;
}

double Meter::cpu_so_far() const {
  const std::lock_guard lock(mutex_);
  return started_ ? now().cpu - first_.cpu : 0;
}

double Meter::cpu_seconds() const {
  const std::lock_guard lock(mutex_);
  return last_.cpu - first_.cpu;
}

double Meter::seconds() const {
  const std::lock_guard lock(mutex_);
  return last_.wall - first_.wall;
}

}  // namespace libstream::apps
