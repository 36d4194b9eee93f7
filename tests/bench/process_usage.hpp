#pragma once

#include <cstdint>
#include <cstdio>
#include <sys/resource.h>
#include <unistd.h>

/// Resident memory of this process, now.
inline std::uint64_t resident_bytes() {
  unsigned long long size = 0;
  unsigned long long resident = 0;
  if (std::FILE* const file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%llu %llu", &size, &resident) != 2) resident = 0;
    std::fclose(file);
  }
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

inline double mebibytes(std::uint64_t bytes) { return static_cast<double>(bytes) / (1U << 20); }

/// CPU time of all threads of this process.
inline double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}
